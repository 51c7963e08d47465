"""The sections of the pipeline file together, and the checks that they fit."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path
from typing import Annotated

from pydantic import Field

from apps.pipeline.check_kinds import AboutTables, AnyCheck, Cost, CoverageAtLeast
from apps.pipeline.part import Definition
from apps.pipeline.sections import BigQuery, Calendar, DuckDB, History, Need, Phase, Season, Table
from apps.pipeline.values import Text, TimeZone


class Sections(Definition):
    """The sections of one file."""

    name: Text = Field(min_length=1)
    timezone: TimeZone = "UTC"
    path: Path
    warehouse: Annotated[DuckDB | BigQuery, Field(discriminator="engine")]
    calendar: Calendar
    history: History | None = None
    seasons: tuple[Season, ...] = Field(alias="season", min_length=1)
    phases: tuple[Phase, ...] = Field(alias="phase", min_length=1)
    tables: tuple[Table, ...] = Field(alias="table", min_length=1)
    needs: tuple[Need, ...] = Field(alias="need", default=())
    checks: tuple[AnyCheck, ...] = Field(alias="check", default=())

    @cached_property
    def by_name(self) -> dict[str, Table]:
        return {table.name: table for table in self.tables}


def disagreements(pipeline: Sections) -> Iterable[str]:
    """Sentences about sections that are valid alone but do not fit together."""
    yield from repeated("season", (season.name for season in pipeline.seasons))
    yield from repeated("phase", (phase.name for phase in pipeline.phases))
    yield from repeated("table", (table.name for table in pipeline.tables))
    yield from repeated("processor", (table.processor for table in pipeline.tables if table.processor))
    yield from repeated("need", (need.name for need in pipeline.needs))
    yield from repeated("check", (check.name for check in pipeline.checks))
    yield from overlapping_seasons(pipeline.seasons)
    yield from unknown_references(pipeline)
    yield from unknown_to_checks(pipeline)
    yield from without_a_price(pipeline)
    yield from cycles(pipeline.tables)
    yield from too_parallel(pipeline)


def repeated(kind: str, names: Iterable[str]) -> Iterable[str]:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            yield f'{kind} "{name}" is there twice; rename or remove one'
        seen.add(name)


def overlapping_seasons(seasons: Iterable[Season]) -> Iterable[str]:
    ordered = sorted(seasons, key=lambda season: season.start)
    for earlier, later in pairwise(ordered):
        if later.start <= earlier.end:
            yield (
                f'season "{later.name}" starts {later.start}, before season "{earlier.name}" ends {earlier.end}; '
                "a date belongs to one season, so move one of the two"
            )


def unknown_references(pipeline: Sections) -> Iterable[str]:
    phases = {phase.name: place for place, phase in enumerate(pipeline.phases)}
    tables = pipeline.by_name
    for table in pipeline.tables:
        where = f'table "{table.name}"'
        if table.phase not in phases:
            yield f'{where}: phase = "{table.phase}" is not defined; use one of {", ".join(phases)}'
        for needed in table.after:
            if needed.table not in tables:
                yield f'{where}: after names "{needed.table}", which is no table of this file; add or remove it'
            elif phases.get(tables[needed.table].phase, 0) > phases.get(table.phase, 0):
                yield f'{where}: after names "{needed.table}" of a later phase; only earlier ones can be read'
        if table.rows and table.rows.like and table.rows.like not in tables:
            yield f'{where}: rows.like = "{table.rows.like}" is no table of this file; name one that is'
        elif table.compared_with and phases.get(tables[table.compared_with].phase, 0) > phases.get(
            table.phase, 0
        ):
            yield (
                f'{where}: rows.like = "{table.compared_with}" is of a later phase; only what is filled before can be '
                "compared with"
            )
        if table.rows and table.rows.like == table.name:
            yield f"{where}: rows.like names the table itself; name the one that it should be like"
    for need in pipeline.needs:
        for name in need.sources:
            if name not in tables:
                yield f'need "{need.name}": source "{name}" is no table of this file; add a [[table]] for it'
        for name in need.used_by:
            if name not in tables:
                yield f'need "{need.name}": used_by "{name}" is no table of this file; name one that is'


def without_a_price(pipeline: Sections) -> Iterable[str]:
    """Ceilings in money without a price."""
    if getattr(pipeline.warehouse, "price", None) is not None:
        return
    for check in pipeline.checks:
        if isinstance(check, Cost) and check.at_most_price is not None:
            yield (
                f'check "{check.name}": at_most_price needs the price of a TB; add price to [warehouse] of an engine '
                "that bills, or give at_most"
            )


def unknown_to_checks(pipeline: Sections) -> Iterable[str]:
    needs = {need.name for need in pipeline.needs}
    for check in pipeline.checks:
        if not isinstance(check, AboutTables):
            continue
        asked_of = check.needs if isinstance(check, CoverageAtLeast) else ()
        for key, names, known in (
            ("tables", check.tables, set(pipeline.by_name)),
            ("phases", check.phases, {phase.name for phase in pipeline.phases}),
            ("needs", asked_of, needs),
        ):
            for name in names:
                if name not in known:
                    yield f'check "{check.name}": {key} names "{name}", which is not in this file; correct it'


def cycles(tables: Iterable[Table]) -> Iterable[str]:
    """Tables that would wait for each other: by `after`, by `rows.like`, or by both."""
    after = {table.name: {needed.table for needed in table.after} for table in tables}
    like = {table.name: {table.compared_with} for table in tables if table.compared_with}
    both = {table.name: table.follows for table in tables}
    found = [
        (key, circle) for key, edges in (("after", after), ("rows.like", like)) if (circle := cycle(edges))
    ]
    if not found and (circle := cycle(both)):
        found = [("after together with rows.like", circle)]
    for key, circle in found:
        yield f"{key} goes in a circle: {' -> '.join(circle)}; remove one of these"


def cycle(edges: Mapping[str, Collection[str]]) -> list[str]:
    """The names of a cycle, first and last the same; empty if there is none."""
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []


def too_parallel(pipeline: Sections) -> Iterable[str]:
    for table in pipeline.tables:
        if table.parallel > pipeline.warehouse.most_lanes:
            yield (
                f'table "{table.name}": parallel = {table.parallel} cannot work with engine = "duckdb", as one process '
                "at a time may hold a DuckDB file; write parallel = 1 or remove it"
            )
