"""Times and counts as people say them."""

from __future__ import annotations

import datetime as dt

MINUTE, HOUR, DAY = 60, 3600, 86_400


def duration(seconds: float) -> str:
    """ "0.42 s", "4.2 s", "50 s", "6 min", "1 h 20 min", "2 d 3 h"."""
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 2 * MINUTE:
        return f"{seconds:.0f} s"
    if seconds < HOUR:
        return f"{seconds / MINUTE:.0f} min"
    if seconds < DAY:
        hours, minutes = divmod(round(seconds / MINUTE), 60)
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(round(seconds / HOUR), 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def duration_range(low: float, high: float) -> str:
    """ "6 to 9 min", "50 s to 2 min"; one duration where both ends say the same. It is never finer than a second."""
    if high < 1:
        return "less than a second"
    first, last = (f"{end:.0f} s" if end < 2 * MINUTE else duration(end) for end in (low, high))
    if first == last:
        return first
    number, _, unit = first.rpartition(" ")
    return (
        f"{number} to {last}" if last.count(" ") == 1 and last.endswith(f" {unit}") else f"{first} to {last}"
    )


def count(number: int, noun: str) -> str:
    """ "1 step", "1,045 steps"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def between(start: dt.datetime | None, end: dt.datetime | None) -> str:
    """The time from one moment to another in words; empty where one of them is not there yet."""
    return duration((end - start).total_seconds()) if start and end else ""
