"""BigQuery's metadata: columns and partition row counts of tables, and what must be counted besides."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left, bisect_right
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import NamedTuple

from apps.warehouse.base import Count, Known, Question
from apps.warehouse.sql.bigquery_sql import Wanted

# https://cloud.google.com/bigquery/docs/information-schema-partitions
WITHOUT_DATE, STREAMED = "__NULL__", "__UNPARTITIONED__"
HAS_DATES = ("DATE", "DATETIME", "TIMESTAMP")


class Line(NamedTuple):
    """One line of the metadata: a column with its type, or a partition with its rows."""

    table: str
    name: str
    data_type: str | None
    is_partitioning: bool | None
    rows: int | None
    modified_at: dt.datetime | None


class Day(NamedTuple):
    """What the metadata says of a table on one date."""

    rows: int
    modified_at: dt.datetime


@dataclass
class Shape:
    """A table's columns with their types, in small letters; the column it is partitioned by, and by what it has there.

    `days` is None where partitions do not tell dates: by month or year, by numbers, by nothing. `streamed` is None
    where there is no streaming buffer.
    """

    columns: dict[str, str]
    partitioned_by: str = ""
    days: dict[dt.date, Day] | None = field(default_factory=dict)
    streamed: int | None = None
    without_date: int = 0

    def type_of(self, column: str) -> str:
        return self.columns[column.lower()]

    def days_of(self, date_column: str, timezone: str) -> Mapping[dt.date, Day] | None:
        """What its partitions say of this column's dates; None where they tell none.

        Partitions of moments are days in UTC: https://cloud.google.com/bigquery/docs/partitioned-tables#timezones
        """
        kind = self.type_of(date_column)
        by_date = self.partitioned_by == date_column.lower() and kind in HAS_DATES
        return self.days if by_date and (kind != "TIMESTAMP" or timezone == "UTC") else None

    def add(self, line: Line) -> None:
        if line.data_type is not None:
            self.columns[line.name.lower()] = line.data_type
            if line.is_partitioning:
                self.partitioned_by = line.name.lower()
        else:
            self.add_partition(line.name, line.rows, line.modified_at)

    def add_partition(self, name: str, rows: int | None, modified_at: dt.datetime | None) -> None:
        """Adds a partition; one that is no date, or without rows or a moment, leaves all dates to be counted."""
        if name == STREAMED:  # two lines, where some of it is in long-term storage
            self.streamed = (self.streamed or 0) + (rows or 0)
        elif name == WITHOUT_DATE:
            self.without_date += rows or 0
        elif (date := day_of(name)) is None or rows is None or modified_at is None:
            self.days = None
        elif self.days is not None:
            before = self.days.get(date, Day(0, modified_at))  # hours of one day add up
            self.days[date] = Day(before.rows + rows, max(before.modified_at, modified_at))

    def forget_days(self) -> None:
        """Forgets the partitions, which hold at one moment only; the columns are kept."""
        if self.days:
            self.days = {}

    @property
    def note(self) -> str:
        """What a reader should know of the rows that are on no date; empty where there are none."""
        said = []
        if self.streamed is not None:
            rows = f"{self.streamed:,}" if self.streamed else "a number that is not told"
            said.append(
                f"rows in the streaming buffer, in no partition yet: {rows}, so it was counted instead of read from "
                "metadata"
            )
        if self.without_date:
            said.append(f"rows without a date, which count for none: {self.without_date:,}")
        return "; ".join(said)


@lru_cache(maxsize=20_000)  # one object for a date, however many tables have it
def day_of(partition: str) -> dt.date | None:
    """The date of YYYYMMDD and YYYYMMDDHH; None for months, years and numbers."""
    if len(partition) not in (8, 10) or not partition.isdigit():
        return None
    try:
        return dt.date(int(partition[:4]), int(partition[4:6]), int(partition[6:8]))
    except ValueError:
        return None


def shapes(lines: Iterable[Line]) -> Mapping[str, Shape]:
    """The tables that the lines are about."""
    found: dict[str, Shape] = {}
    for line in lines:
        found.setdefault(line.table, Shape({})).add(line)
    return found


@dataclass(frozen=True)
class Surveyed:
    """A question about a range, beside what the metadata says of its table."""

    question: Question
    shape: Shape
    start: dt.date
    end: dt.date

    @property
    def table(self) -> str:
        return self.question.table

    @property
    def tells_days(self) -> bool:
        """Whether the metadata has the rows of every date. What is streamed is in no partition yet, and may not be
        counted in the line of the streaming buffer either."""
        asked = self.question
        told = self.shape.days_of(asked.date_column, asked.timezone) is not None
        return told and self.shape.streamed is None

    @property
    def wants_values(self) -> bool:
        """Whether rows are not all that is asked about."""
        asked = self.question
        columns = asked.quality_column, asked.written_column, asked.fallback_column, *asked.key_columns
        return any(columns)

    @property
    def days(self) -> dict[dt.date, Day]:
        """The dates that have rows; none where the metadata does not tell."""
        found = self.shape.days_of(self.question.date_column, self.question.timezone) or {}
        return {date: day for date, day in found.items() if day.rows and self.start <= date <= self.end}

    def unchanged(self, known: Known) -> dict[dt.date, Count]:
        """The counts that need no query: the metadata's own, or the known ones of dates that were not written since.

        Rows are compared too: a deletion may leave the time as it was.
        """
        if not self.tells_days:
            return {}
        if not self.wants_values:
            return {date: Count(day.rows, modified_at=day.modified_at) for date, day in self.days.items()}
        before = known(self.table)
        return {
            date: count
            for date, day in self.days.items()
            if (count := before.get(date)) and (count.rows, count.modified_at) == day
        }

    def to_count(self, still: Container[dt.date]) -> Wanted | None:
        """What is left to be counted, None if nothing is; without empty values, which a scan does not judge."""
        plain = replace(self.question, not_null=())
        wanted = Wanted(plain, self.shape.type_of(plain.date_column), self.start, self.end)
        if not self.tells_days:
            return wanted
        days = sorted(self.days)
        dates = [date for date in days if date not in still]
        if not dates:
            return None
        if len(dates) == bisect_right(days, dates[-1]) - bisect_left(days, dates[0]):
            # None between them holds still, so a range says it all: a list may be megabytes.
            return replace(wanted, start=dates[0], end=dates[-1])
        return replace(wanted, dates=dates)

    def with_times(self, counts: Mapping[dt.date, Count]) -> dict[dt.date, Count]:
        """The counts with the moments that the metadata has for their dates."""
        days = self.days
        return {
            date: count._replace(modified_at=days[date].modified_at) if date in days else count
            for date, count in counts.items()
        }
