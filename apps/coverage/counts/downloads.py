"""The partitions that a filter takes, as a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from apps import exports
from apps.coverage.counts.filters import CoverageFilter
from apps.coverage.counts.freshness import silent_tables
from apps.coverage.models import Partition
from apps.pipeline.definition import Pipeline

COLUMNS = (
    "table",
    "date",
    "season",
    "shown",
    "state",
    "activity",
    "reason",
    "units",
    "rows",
    "least",
    "most",
    "quality",
    "fallback_share",
    "written_at",
    "read_at",
    "run_id",
    "seconds",
    "mark",
    "silent_since",
)


def partitions(pipeline: Pipeline, chosen: CoverageFilter) -> Iterator[Partition]:
    """What the filter takes, by table and date; without a season also what lies off the calendar."""
    names = [table.name for table in chosen.tables(pipeline)]
    found = Partition.objects.of(names).between(chosen.start, chosen.end).order_by("table", "date")
    if chosen.season:
        found = found.between(chosen.season.start, chosen.season.end)
    return (each for each in found.iterator(chunk_size=2000) if chosen.takes(each.state, each.activity))


def rows(found: Iterable[Partition]) -> Iterator[dict[str, Any]]:
    """A row a partition, by column; `silent_since` where all of it is what was known last."""
    silences = silent_tables()
    for partition in found:
        silence = silences.get(partition.table)
        cells = (getattr(partition, column) for column in COLUMNS[:-1])
        yield dict(zip(COLUMNS, (*cells, silence and silence.silent_since), strict=True))


def lines(found: Iterable[Partition], kind: str) -> Iterator[str]:
    """The rows as "csv" or "json"."""
    if kind == "json":
        return exports.json_lines(rows(found))
    return exports.csv_lines(COLUMNS, (row.values() for row in rows(found)))
