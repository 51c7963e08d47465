"""The lines of a mail: a number of partitions, what is said of them, and where; cut to a readable length."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from apps.coverage.models import Partition
from apps.pipeline import definition
from apps.runs.models import Step
from apps.text import date_ranges

T = TypeVar("T")

LINES = 4  # in a list
PLACES = 3  # groups of tables in a line
RANGES = 5  # for each of them, before "and 3 more"


@dataclass(frozen=True)
class Cut(Generic[T]):
    """The first items of a list, and how many more there are."""

    shown: Sequence[T]
    more: int

    @classmethod
    def of(cls, found: Sequence[T], most: int = LINES) -> Cut[T]:
        return cls(found[:most], max(len(found) - most, 0))

    def __bool__(self) -> bool:
        return bool(self.shown)


@dataclass(frozen=True)
class Line:
    """A number of partitions with the same message, and their tables and dates."""

    count: int
    what: str
    where: str
    sample: str = ""
    cause: str = ""
    state: str = ""


def where(found: Sequence[Step | Partition], *, after: Callable[[dt.date], dt.date]) -> str:
    """ "sales, visits: 2024-01-03 to 2024-01-05; trend: 2024-01-04": tables with the same dates share them."""
    dates: dict[str, list[dt.date]] = defaultdict(list)
    for each in found:
        dates[definition.short_name(each.table)].append(each.date)
    tables: dict[tuple[dt.date, ...], list[str]] = defaultdict(list)
    for table, some in dates.items():
        tables[tuple(some)].append(table)
    parts = [
        f"{', '.join(names)}: {date_ranges(some, most=RANGES, after=after)}" for some, names in tables.items()
    ]
    more = sum(len(names) for names in list(tables.values())[PLACES:])
    return "; ".join(parts[:PLACES]) + (f"; and {more} more tables" if more else "")
