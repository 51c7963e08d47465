"""What is known of one partition, how it is known, and what it is made from."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

from apps.coverage.counts import grid as grids
from apps.coverage.counts import quality, rollup
from apps.coverage.counts.grid import NAME, Grid
from apps.coverage.counts.quality import Band
from apps.coverage.counts.rollup import Tally
from apps.coverage.counts.strips import state_label
from apps.coverage.models import AcceptedGap, CalendarDate, Partition, Scan, TableReading
from apps.coverage.scanning.questions import question
from apps.pipeline.definition import Pipeline
from apps.pipeline.sections import BigQuery, Need, Table
from apps.warehouse.sql import bigquery_sql, duckdb_sql

State = Partition.State


@dataclass(frozen=True)
class Upstream:
    """An input over the days that the table looks back on."""

    table: Table
    start: dt.date
    end: dt.date
    tally: Tally

    @property
    def state(self) -> str:
        if self.tally.complete == self.tally.expected:
            return State.COMPLETE
        return State.UNKNOWN if self.tally.unknown and not self.tally.gaps else State.MISSING


@dataclass(frozen=True)
class Served:
    """A need; each of its sources with its state on the date, and that in words."""

    need: Need
    sources: tuple[tuple[Table, str, str], ...]


@dataclass(frozen=True)
class Evidence:
    """`partition` is None where nothing is stored; `reading` where the table was never asked about.

    `sql` asks the warehouse again, by hand.
    """

    table: Table
    date: dt.date
    partition: Partition | None
    units: int
    reading: TableReading | None
    upstream: tuple[Upstream, ...]
    needs: tuple[Served, ...]
    sql: str
    quality_band: Band | None = None

    @property
    def cell(self) -> str:
        """Which partition a form of the panel is about, and leads back to."""
        return f"{self.table.name} {self.date}"

    @property
    def state(self) -> str:
        if self.partition:
            return self.partition.shown
        # A reading brings the calendar, which does not have this date.
        return State.NOT_EXPECTED if self.reading and not self.units else State.UNKNOWN

    @property
    def state_in_words(self) -> str:
        return state_label(self.state)

    @property
    def quality_in_words(self) -> str:
        """The mean, with what the date's band expects of it."""
        if self.partition is None or self.partition.quality is None:
            return ""
        return quality.value_against_band(self.partition.quality, self.quality_band)

    @property
    def scan(self) -> Scan | None:
        """The scan that confirmed it, where no step asked later."""
        return self.reading.scan if self.reading and self.reading.read_at == self.asked_at else None

    @property
    def asked_at(self) -> dt.datetime | None:
        """When the warehouse last confirmed this: as part of the table, or alone after a step."""
        moments = [each.read_at for each in (self.partition, self.reading) if each and each.read_at]
        return max(moments, default=None)

    @property
    def silence(self) -> str:
        """Since when and why the table cannot be read; empty where it can."""
        return self.reading.silence_in_words(self.asked_at) if self.reading else ""

    @property
    def acceptance(self) -> AcceptedGap | None:
        """Who accepted it, or closed its failure, and why; also while it is unknown whether it still is a gap."""
        return (self.partition.acceptance or self.partition.closed_by) if self.partition else None

    @property
    def accepted_with_it(self) -> int:
        """How many partitions would be gaps again if the acceptance were withdrawn."""
        if self.acceptance is None:
            return 0
        accepted = self.acceptance.partitions.filter(state=State.ACCEPTED)
        return accepted.count() + self.acceptance.closed_failures.count()

    @property
    def can_be_planned(self) -> bool:
        return (
            not self.table.is_source
            and self.units > 0
            and not (self.partition and self.partition.is_accepted)
        )


def evidence_of(pipeline: Pipeline, table: Table, date: dt.date) -> Evidence:
    """The evidence for a table on a date, in five queries."""
    day = CalendarDate.objects.filter(date=date).first()
    window = grids.load(pipeline, start=date - dt.timedelta(days=longest_lookback(table)), end=date)
    return Evidence(
        table=table,
        date=date,
        partition=Partition.objects.filter(table=table.name, date=date)
        .select_related("acceptance", "closed_by")
        .first(),
        units=day.units if day else 0,
        sql=count_of_date(pipeline, table, date),
        quality_band=quality.band(table, season, date) if (season := pipeline.season_of(date)) else None,
        reading=TableReading.objects.filter(table=table.name).select_related("scan").first(),
        upstream=upstream(pipeline, table, date, window),
        needs=tuple(
            served(pipeline, need, date, window) for need in pipeline.needs if table.name in need.used_by
        ),
    )


def count_of_date(pipeline: Pipeline, table: Table, date: dt.date) -> str:
    """The query of a scan for one date, as a person can send it to the warehouse by hand."""
    asked = replace(question(table), timezone=pipeline.timezone)
    engine = pipeline.warehouse
    if isinstance(engine, BigQuery):
        return bigquery_sql.count_of_date(asked, date)
    return duckdb_sql.count_of_date(asked, date, path=pipeline.inside(engine.path))


def longest_lookback(table: Table) -> int:
    return max((each.lookback for each in table.after), default=0)


def upstream(pipeline: Pipeline, table: Table, date: dt.date, window: Grid) -> tuple[Upstream, ...]:
    found = []
    for each in table.after:
        start = date - dt.timedelta(days=each.lookback)
        found.append(
            Upstream(pipeline.table(each.table), start, date, tally_between(window, each.table, start, date))
        )
    return tuple(found)


def tally_between(window: Grid, table: str, start: dt.date, end: dt.date) -> Tally:
    places = [place for place, date in enumerate(window.dates) if start <= date <= end]
    part = slice(places[0], places[-1] + 1) if places else slice(0)
    return rollup.tally(window.states[table][part], window.activities[table][part])


def served(pipeline: Pipeline, need: Need, date: dt.date, window: Grid) -> Served:
    place = window.dates.index(date) if date in window.dates else None
    states = {
        name: State.NOT_EXPECTED.value if place is None else NAME[window.states[name][place]]
        for name in need.sources
    }
    return Served(
        need, tuple((pipeline.table(name), state, state_label(state)) for name, state in states.items())
    )
