"""Selections: the tables and dates of the pipeline file that a person asks for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, replace

from django.db.models import TextChoices

from apps.pipeline import scope as scopes
from apps.pipeline.definition import Pipeline, UnknownName
from apps.pipeline.scope import DoesNotFit, Scope
from apps.pipeline.sections import Table
from apps.runs.models import Run


class PlanRefused(Exception):
    """What was asked for cannot be planned; the text says what to change, `about` whether "tables" or "dates"."""

    def __init__(self, sentence: str, *, about: str = ""):
        super().__init__(sentence)
        self.about = about


@dataclass(frozen=True)
class Selection(Scope):
    """What a person asked for: tables of the pipeline file, dates (both ends included), and how.

    With `partitions` it is these and no others: what a retry is about. With `through_gaps` also steps whose inputs are
    not there and will not be: an override lets them start.
    """

    dates: frozenset[dt.date] = frozenset()
    reprocess: Run.Reprocess = Run.Reprocess.FAILED
    order: Run.Order = Run.Order.OLDEST
    batch: int | None = None
    partitions: frozenset[tuple[str, dt.date]] = frozenset()
    through_gaps: bool = False

    def takes(self, table: Table, date: dt.date) -> bool:
        """Whether this table's date was asked for, among the dates that were."""
        return not self.partitions or (table.name, date) in self.partitions

    def __contains__(self, date: dt.date) -> bool:
        return super().__contains__(date) and (not self.dates or date in self.dates)

    @property
    def dates_in_order(self) -> list[dt.date]:
        return self.days[::-1] if self.order == Run.Order.NEWEST else self.days

    def as_json(self) -> dict:
        return {
            "tables": [table.name for table in self.tables],
            "seasons": [season.name for season in self.seasons],
            "start": str(self.start),
            "end": str(self.end),
            "dates": sorted(map(str, self.dates)),
        }


def select(
    pipeline: Pipeline,
    *,
    phases: Iterable[str] = (),
    tables: Iterable[str] = (),
    seasons: Iterable[str] = (),
    start: dt.date | None = None,
    end: dt.date | None = None,
    dates: Iterable[dt.date] = (),
    reprocess: str = Run.Reprocess.FAILED,
    order: str = Run.Order.OLDEST,
    batch: int | None = None,
    through_gaps: bool = False,
) -> Selection:
    """A selection from names. Nothing named means everything; PlanRefused if the names or dates do not fit."""
    phases, names = list(phases), list(tables)
    try:
        found = scopes.scope(pipeline, phases=phases, tables=names, seasons=seasons, start=start, end=end)
        wanted = fillable(pipeline, found, phases=phases, tables=names)
    except UnknownName as error:
        raise PlanRefused(str(error)) from None
    except DoesNotFit as error:
        raise PlanRefused(str(error), about=error.about) from None
    if batch not in (None, Run.AUTO) and not 1 <= batch <= 1000:
        raise PlanRefused(f"{batch} dates a call is not possible; give 1 to 1000.")
    return Selection(
        tables=wanted,
        seasons=found.seasons,
        start=found.start,
        end=found.end,
        dates=frozenset(dates),
        reprocess=Run.Reprocess(one_of(Run.Reprocess, reprocess)),
        order=Run.Order(one_of(Run.Order, order)),
        batch=batch,
        through_gaps=through_gaps,
    )


def fillable(
    pipeline: Pipeline, found: Scope, *, phases: Iterable[str], tables: Iterable[str]
) -> tuple[Table, ...]:
    """The tables of the scope that have jobs, in a run's order. PlanRefused if one without a job was named."""
    for name in tables:
        if pipeline.table(name).is_source:
            raise PlanRefused(f"{pipeline.table(name).name} is a source; no job of this pipeline fills it.")
    for phase in map(pipeline.phase, phases):
        if not any(table.job for table in pipeline.tables_of(phase.name)):
            raise PlanRefused(f"{phase.full_label} has sources only; no job of this pipeline fills them.")
    return tuple(table for table in pipeline.filled if table in found.tables)


def one_of(choices: type[TextChoices], wished: str) -> str:
    if wished not in choices.values:
        raise PlanRefused(f'"{wished}" is not known; give {", ".join(choices.values)}.')
    return wished


def select_partitions(
    pipeline: Pipeline,
    partitions: Iterable[tuple[str, dt.date]],
    *,
    reprocess: str = Run.Reprocess.FAILED,
    order: str = Run.Order.OLDEST,
    batch: int | None = None,
    through_gaps: bool = False,
) -> Selection:
    """A selection of single partitions, without those of tables that have no job in the pipeline file any more."""
    filled = {table.name for table in pipeline.filled}
    wanted = frozenset((table, date) for table, date in partitions if table in filled)
    if not wanted:
        raise PlanRefused("There is nothing to retry.")
    dates = {date for _, date in wanted}
    chosen = select(
        pipeline,
        tables={table for table, _ in wanted},
        dates=dates,
        start=min(dates),
        end=max(dates),
        reprocess=reprocess,
        order=order,
        batch=batch,
        through_gaps=through_gaps,
    )
    return replace(chosen, partitions=wanted)


def first_read_date(selection: Selection) -> dt.date:
    """The first date that a step of the selection may read."""
    back = max((needed.lookback for table in selection.tables for needed in table.after), default=0)
    return max(selection.start, dt.date.min + dt.timedelta(days=back)) - dt.timedelta(days=back)


def is_skipped(table: Table, date: dt.date, selection: Selection) -> bool:
    """Whether the table leaves the date out on purpose: that much is known before it is read."""
    return any(date in season and table.skips(date, season) for season in selection.seasons)
