"""Dates in words: ranges instead of lists, as people read and type them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

Range = tuple[dt.date, dt.date]


def next_day(date: dt.date) -> dt.date:
    return date + dt.timedelta(days=1)


def successor(calendar: Sequence[dt.date]) -> Callable[[dt.date], dt.date]:
    """The next expected date, so that a day without anything to do does not tear a range apart."""
    following = dict(pairwise(calendar))
    return lambda date: following.get(date, next_day(date))


def ranges(dates: Iterable[dt.date], after: Callable[[dt.date], dt.date] = next_day) -> list[Range]:
    """Dates as ranges, both ends included. `after` says which date follows another without a hole."""
    found: list[Range] = []
    for date in sorted(set(dates)):
        if found and after(found[-1][1]) == date:
            found[-1] = (found[-1][0], date)
        else:
            found.append((date, date))
    return found


def in_words(
    dates: Iterable[dt.date], *, most: int | None = None, after: Callable[[dt.date], dt.date] = next_day
) -> str:
    """ "2022-02-18, 2024-02-16 to 2024-02-18"; with `most`, that many ranges "and 3 more"."""
    found = ranges(dates, after)
    words = [f"{first}" if first == last else f"{first} to {last}" for first, last in found[:most]]
    if most is not None and len(found) > most:
        words.append(f"and {len(found) - most} more")
    return ", ".join(words)
