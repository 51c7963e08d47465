"""Numbers, times, dates and names as text, for pages, mails and commands."""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

MINUTE = 60
ABOUT_A_MINUTE = 90  # seconds; below that an estimate has no better precision


def duration(seconds: float) -> str:
    """A measured time: "0.42 s", "4.2 s", "50 s", "6 min", "1 h 20 min", "2 d 3 h"."""
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
    """An estimate, never finer than a minute: "about a minute", "6 to 9 min", "1 h 20 min to 1 h 50 min"."""
    if high < MINUTE:
        return "less than a minute"
    if high < ABOUT_A_MINUTE:
        return "about a minute"
    if round(low / MINUTE) == 0:
        return f"less than {in_minutes(math.ceil(high / MINUTE))}"
    first, last = in_minutes(round(low / MINUTE)), in_minutes(round(high / MINUTE))
    return f"about {first}" if first == last else in_one(first, last)


def count(number: int, noun: str) -> str:
    """ "1 step", "1,045 steps"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def between(start: dt.datetime | None, end: dt.datetime | None) -> str:
    """The time between two moments; empty if one of them is None."""
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
    """The range, with its unit once if both ends are a number with the same unit."""
    if first == last:
        return first
    (number, *units), (_, *others) = first.split(), last.split()
    return f"{number if units == others and len(units) == 1 else first} to {last}"


def because(says: str, reason: str) -> str:
    """A line of the timeline with its reason, if there is one."""
    return f"{says}. Why: {reason.strip()}" if reason.strip() else says


def short_names(names: Iterable[str]) -> dict[str, str]:
    """Each name with its last part, or as many of its last parts as make it unique.

    "raw.orders" is "orders", but beside "mart.orders" it is "raw.orders".
    """
    whole = list(dict.fromkeys(names))
    ends = {name: suffixes(name) for name in whole}
    taken = Counter(end for some in ends.values() for end in some)
    return {name: next((end for end in ends[name] if taken[end] == 1), name) for name in whole}


def suffixes(name: str) -> list[str]:
    """The last part, the last two, and so on."""
    parts = name.split(".")
    return [".".join(parts[-n:]) for n in range(1, len(parts) + 1)]


Range = tuple[dt.date, dt.date]


def next_day(date: dt.date) -> dt.date:
    return date + dt.timedelta(days=1)


def successor(calendar: Sequence[dt.date]) -> Callable[[dt.date], dt.date]:
    """The next expected date, so that days off do not split a range."""
    following = dict(pairwise(calendar))
    return lambda date: following.get(date, next_day(date))


def ranges(dates: Iterable[dt.date], after: Callable[[dt.date], dt.date] = next_day) -> list[Range]:
    """Dates as ranges, both ends included. `after` returns the date that follows without a gap."""
    found: list[Range] = []
    for date in sorted(set(dates)):
        if found and after(found[-1][1]) == date:
            found[-1] = (found[-1][0], date)
        else:
            found.append((date, date))
    return found


def date_ranges(
    dates: Iterable[dt.date], *, most: int | None = None, after: Callable[[dt.date], dt.date] = next_day
) -> str:
    """ "2022-02-18, 2024-02-16 to 2024-02-18"; with `most`, that many ranges "and 3 more"."""
    found = ranges(dates, after)
    words = [f"{first}" if first == last else f"{first} to {last}" for first, last in found[:most]]
    if most is not None and len(found) > most:
        words.append(f"and {len(found) - most} more")
    return ", ".join(words)


def elapsed(span: dt.timedelta) -> str:
    """In one unit: "40 s", "6 min", "3 h", "2 days"."""
    seconds = int(span.total_seconds())
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 7200:
        return f"{seconds // 60} min"
    if seconds < 172_800:
        return f"{seconds // 3600} h"
    return f"{seconds // 86_400} days"
