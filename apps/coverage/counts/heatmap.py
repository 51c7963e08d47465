"""A season's map as plain lists for the browser to draw: letters for states, small numbers for the rest."""

from __future__ import annotations

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from apps.coverage.counts import quality
from apps.coverage.counts.filters import CoverageFilter
from apps.coverage.counts.freshness import silent_tables
from apps.coverage.counts.grid import LETTER, NAME, UNREAD
from apps.coverage.counts.quality import Band
from apps.coverage.counts.strips import state_label
from apps.coverage.models import Partition, PartitionQuerySet, redo_in_words, shown
from apps.pipeline.definition import Pipeline
from apps.pipeline.sections import Table

# What the map can show, in the order of its switch: name in the address, label.
MODES = {
    "state": "State",
    "rows": "Rows against expected",
    "age": "Age",
    "duration": "Duration",
    "quality": "Quality",
    "fallback": "Fallback",
}
HIGHEST_PERCENT = 200
BLANK = " "
# What a cell shows where there is a gap that no run is about to fill.
GAPS = "".join(LETTER[name] for name in (*Partition.GAPS, Partition.Activity.FAILED))


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


def season(pipeline: Pipeline, chosen: CoverageFilter, *, now: dt.datetime) -> dict[str, Any]:
    """Everything that the map of the filter's season shows, in two queries.

    `dates` are the columns. Each row has `shown`, a letter a date (a space where the filter takes no cell),
    `quality`, a letter a date against the table's bands, and lists for `found`, `least`, `most`, `run` and each
    mode; None instead of a list without any value. Its `silence` says since when and why it is the last known one.
    """
    assert chosen.season
    tables = chosen.tables(pipeline)
    partitions = Partition.objects.filter(season=chosen.season.name).between(chosen.start, chosen.end)
    found = stored_cells(partitions, tables)
    dates = sorted({date for cells in found.values() for date in cells})
    bands = {table.name: [quality.band(table, chosen.season, date) for date in dates] for table in tables}
    silences = silent_tables()
    return {
        "dates": [date.isoformat() for date in dates],
        "states": {letter: state_label(name) for letter, name in NAME.items() if letter != UNREAD},
        "gaps": GAPS,
        "phases": {phase.name: phase.full_label for phase in pipeline.phases},
        "qualities": quality.WORDS,
        "rows": [
            row(
                table,
                [found[table.name].get(date, NO_CELL) for date in dates],
                bands[table.name],
                chosen,
                now,
            )
            | {"silence": silences[table.name].silence_in_words() if table.name in silences else None}
            for table in tables
        ],
    }


def stored_cells(partitions: PartitionQuerySet, tables: Iterable[Table]) -> dict[str, dict[dt.date, Cell]]:
    """By table and date, in one query."""
    found: dict[str, dict[dt.date, Cell]] = defaultdict(dict)
    rows = partitions.of(table.name for table in tables).order_by("date")
    for table, date, *values in rows.values_list("table", "date", *Cell._fields):
        found[table][date] = Cell._make(values)
    return found


def row(
    table: Table,
    cells: Sequence[Cell],
    bands: Sequence[Band | None],
    chosen: CoverageFilter,
    now: dt.datetime,
) -> dict[str, Any]:
    column = columns(cells)
    return {
        "table": table.name,
        "name": table.short_name,
        "phase": table.phase,
        "planned": not table.is_source,
        "shown": "".join(
            LETTER[shown(state, activity)] if state and chosen.takes(state, activity) else BLANK
            for state, activity in zip(column.state, column.activity, strict=True)
        ),
        "found": sparse(column.rows),
        "least": sparse(column.least, round),
        "most": sparse(column.most, round),
        "run": sparse(column.run_id),
        "marks": sparse(
            [
                (each[0] and redo_in_words(*each)) or None
                for each in zip(column.state, column.activity, column.run_id, strict=True)
            ]
        ),
        "quality": against_bands(column.quality, bands),
        "quality_least": sparse([band[0] if band else None for band in bands]),
        "quality_most": sparse([band[1] if band and math.isfinite(band[1]) else None for band in bands]),
        "modes": {
            "rows": sparse(
                [against_expected(*each) for each in zip(column.rows, column.least, column.most, strict=True)]
            ),
            "age": sparse(column.written_at, lambda at: hours(now - at)),
            "duration": sparse(column.seconds, lambda seconds: round(seconds, 1)),
            "quality": sparse(column.quality, lambda value: round(value, 1)),
            "fallback": sparse(column.fallback_share, lambda share: round(100 * share)),
        },
    }


def columns(cells: Sequence[Cell]) -> Any:
    """The cells transposed: one Cell whose fields are lists with a value a date."""
    return Cell._make(zip(*cells, strict=True)) if cells else Cell._make([()] * len(Cell._fields))


def against_bands(scores: Sequence[float | None], bands: Sequence[Band | None]) -> str | None:
    """A letter a date, a space without a score; None for a table without any band."""
    if not any(bands):
        return None
    pairs = zip(scores, bands, strict=True)
    return "".join(BLANK if score is None else quality.against(score, band) for score, band in pairs)


def sparse(values: Sequence[Any], shown: Callable[[Any], Any] = lambda value: value) -> list[Any] | None:
    """The values as they are shown, None where one is unknown; None instead of a list without any value."""
    if all(value is None for value in values):
        return None
    return [None if value is None else shown(value) for value in values]


def against_expected(rows: int | None, least: float | None, most: float | None) -> int | None:
    """Percent of what is expected: 100 within the band, less below it, more above it, at most 200."""
    if rows is None or least is None:
        return None
    if rows < least:
        return int(100 * rows / least)
    if most is not None and rows > most:
        return min(-int(-100 * rows // max(most, 1)), HIGHEST_PERCENT)
    return 100


def hours(age: dt.timedelta) -> int:
    return max(int(age.total_seconds() // 3600), 0)
