"""Times and counts as people say them."""

from __future__ import annotations

import datetime as dt
import math

MINUTE = 60
ABOUT_A_MINUTE = 90  # seconds up to which more would be said than anybody knows


def duration(seconds: float) -> str:
    """What was measured: "0.42 s", "4.2 s", "50 s", "6 min", "1 h 20 min", "2 d 3 h"."""
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 2 * MINUTE:
        return f"{seconds:.0f} s"
    return in_minutes(round(seconds / MINUTE))


def in_minutes(minutes: int) -> str:
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"
    days, hours = divmod(round(minutes / 60), 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def duration_range(low: float, high: float) -> str:
    """What is likely, never finer than a minute: "about a minute", "6 to 9 min", "1 h 20 min to 1 h 50 min"."""
    if high < MINUTE:
        return "less than a minute"
    if high < ABOUT_A_MINUTE:
        return "about a minute"
    if round(low / MINUTE) == 0:
        return f"less than {in_minutes(math.ceil(high / MINUTE))}"
    first, last = in_minutes(round(low / MINUTE)), in_minutes(round(high / MINUTE))
    if first == last:
        return first
    return f"{number} to {last}" if (number := alone(first, last)) else f"{first} to {last}"


def alone(first: str, last: str) -> str:
    """The number of the first where both are a number and the same unit, so that it is said once; else nothing."""
    (number, *units), (_, *others) = first.split(), last.split()
    return number if units == others and len(units) == 1 else ""


def count(number: int, noun: str) -> str:
    """ "1 step", "1,045 steps"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def between(start: dt.datetime | None, end: dt.datetime | None) -> str:
    """The time from one moment to another in words; empty where one of them is not there yet."""
    return duration((end - start).total_seconds()) if start and end else ""
