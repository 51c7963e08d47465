"""Reads stored partitions: a table as strings for strips and roll-ups, cell by cell for the map."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import NamedTuple

from django.db.models import TextField
from django.db.models.functions import Cast

from apps.coverage.counts.string_agg import StringAgg
from apps.coverage.models import PartitionQuerySet
from apps.pipeline.sections import Table


class Strings(NamedTuple):
    """What is stored of a table, a word a partition, joined by commas."""

    days: str
    states: str
    activities: str


def strings(partitions: PartitionQuerySet, tables: Collection[Table] | None) -> dict[str, Strings]:
    """By table what is stored, of some tables or all, in one query.

    Dates stay text here: to make an object of each of many thousands would take longer than all else.
    """
    if tables is not None:
        partitions = partitions.of(table.name for table in tables)
    rows = partitions.order_by().values("table").annotate(
        days=StringAgg(Cast("date", TextField())), states=StringAgg("state"), activities=StringAgg("activity")
    )  # fmt: skip
    found = rows.values_list("table", "days", "states", "activities")
    return {table: Strings(*words) for table, *words in found}


class Cell(NamedTuple):
    """What is stored of a partition, as far as the map shows it."""

    state: str | None = None
    activity: str | None = None
    rows: int | None = None
    least: float | None = None
    most: float | None = None
    run_id: int | None = None
    written_at: dt.datetime | None = None
    seconds: float | None = None
    quality: float | None = None
    fallback_share: float | None = None


NO_CELL = Cell()


def cells(partitions: PartitionQuerySet, tables: Iterable[Table]) -> dict[str, dict[dt.date, Cell]]:
    """By table and date, in one query."""
    found: dict[str, dict[dt.date, Cell]] = defaultdict(dict)
    rows = partitions.of(table.name for table in tables).order_by("date")
    for table, date, *values in rows.values_list("table", "date", *Cell._fields):
        found[table][date] = Cell._make(values)
    return found
