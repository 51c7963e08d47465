"""Partitions as CSV and JSON, line by line, so that no size of download fills the memory."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from apps.coverage.counts.filters import Filter
from apps.coverage.counts.freshness import Silence, silent_tables
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
# A spreadsheet takes what begins like this for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def partitions(pipeline: Pipeline, chosen: Filter) -> Iterator[Partition]:
    """What the filter takes, by table and date; without a season also what lies off the calendar."""
    names = [table.name for table in chosen.tables(pipeline)]
    found = Partition.objects.of(names).between(chosen.start, chosen.end).order_by("table", "date")
    if chosen.season:
        found = found.between(chosen.season.start, chosen.season.end)
    return (each for each in found.iterator(chunk_size=2000) if chosen.takes(each.state, each.activity))


def values(partition: Partition, silences: Mapping[str, Silence]) -> list[Any]:
    """The cells of a line; moments and dates as ISO text. `silent_since` where all of it is what was known last."""
    silence = silences.get(partition.table)
    cells = [*(getattr(partition, column) for column in COLUMNS[:-1]), silence and silence.since]
    return [cell.isoformat() if hasattr(cell, "isoformat") else cell for cell in cells]


def csv_lines(found: Iterable[Partition]) -> Iterator[str]:
    writer = csv.writer(Line())
    silences = silent_tables()
    yield writer.writerow(COLUMNS)
    for each in found:
        yield writer.writerow([harmless(cell) for cell in values(each, silences)])


class Line:
    """A file for csv.writer that hands each line back."""

    def write(self, text: str) -> str:
        return text


def harmless(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


def json_lines(found: Iterable[Partition]) -> Iterator[str]:
    """One JSON list, a partition a line."""
    before, silences = "[\n", silent_tables()
    for each in found:
        yield before + json.dumps(dict(zip(COLUMNS, values(each, silences), strict=True)))
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"
