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
        return f"about {first}"
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


def size(number: float) -> str:
    """Bytes of which 1024 make a KB, as the warehouse bills them: "30 MB", "3.2 GB", "1.5 TB"."""
    amount, units = number / 1024**2, ["MB", "GB", "TB"]
    while amount >= 1000 and len(units) > 1:
        amount, units = amount / 1024, units[1:]
    digits = 1 if 0 < amount < 10 and amount != int(amount) else 0
    return f"{amount:,.{digits}f} {units[0]}"


def size_range(low: float, high: float) -> str:
    """ "3.2 to 4 GB", "900 MB to 1.1 GB"."""
    return in_one(size(low), size(high))


def money(amount: float, currency: str) -> str:
    return f"less than 0.01 {currency}" if 0 < amount < 0.01 else f"{amount:,.2f} {currency}"


def money_range(low: float, high: float, currency: str) -> str:
    """ "0.20 to 0.25 USD", "less than 0.01 USD"."""
    return in_one(money(low, currency), money(high, currency))


def in_one(first: str, last: str) -> str:
    """A range whose unit is said once where both ends have the same."""
    if first == last:
        return first
    return f"{number} to {last}" if (number := alone(first, last)) else f"{first} to {last}"


def because(says: str, reason: str) -> str:
    """A line of the timeline with why, where somebody said why."""
    return f"{says}. Why: {reason.strip()}" if reason.strip() else says
