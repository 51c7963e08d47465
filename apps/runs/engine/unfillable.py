"""Steps of unfinished runs that the pipeline file can no longer fill, since it changed after their launch."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q

from apps.grouping import by_key
from apps.pipeline.definition import Pipeline
from apps.runs.models import Run, Step
from apps.runs.models.step import StepQuerySet
from apps.text import count, date_ranges

NAMED = 5  # tables in a sentence
REMEDY = "Mend the file, restart the workers and resume; or cancel the run and plan again"


@dataclass(frozen=True)
class Unfillable:
    """Steps of one table that cannot be filled for one reason."""

    table: str
    why: str
    dates: tuple[dt.date, ...]

    def __str__(self) -> str:
        steps = f"{count(len(self.dates), 'step')}, {date_ranges(self.dates, most=2)}"
        return " ".join(filter(None, (self.table, self.why, f"({steps})")))


def of_run(run: Run, pipeline: Pipeline) -> list[Unfillable]:
    """The run's unfinished steps that the pipeline file does not fit, by table and reason; in one query."""
    return grouped(unfit(run.steps.unfinished(), pipeline).order_by("position"), pipeline)


def by_run(pipeline: Pipeline) -> dict[Run, list[Unfillable]]:
    """Those steps of every unfinished run that has any; in one query."""
    steps = unfit(Step.objects.unfinished().filter(run__in=Run.objects.unfinished()), pipeline)
    found = by_key((step.run, step) for step in steps.select_related("run").order_by("run_id", "position"))
    return {run: grouped(some, pipeline) for run, some in found.items()}


def off_calendar_in_a_sentence(run: Run) -> str:
    """The message of a run whose steps left all have dates that are not on the calendar now."""
    steps = run.steps.pending().off_calendar().order_by("position")
    dates = by_key(steps.values_list("table", "date"))
    found = [Unfillable(table, "", tuple(sorted(some))) for table, some in dates.items()]
    number = sum(len(each.dates) for each in found)
    have = "has a date" if number == 1 else "have dates"
    return (
        f"{count(number, 'step')} {have} that the calendar does not have any more: {named(found)}. If that is a "
        "mistake, mend it, scan the warehouse and resume; else cancel the run. Nothing was skipped"
    )


def in_a_sentence(found: list[Unfillable]) -> str:
    """ "3 steps do not fit the pipeline file as it is now: daily.sales is not in it (2 steps, ...); ..."."""
    number = sum(len(each.dates) for each in found)
    verb = "does" if number == 1 else "do"
    return f"{count(number, 'step')} {verb} not fit the pipeline file as it is now: {named(found)}"


def named(found: list[Unfillable]) -> str:
    more = f"; and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return f"{'; '.join(map(str, found[:NAMED]))}{more}"


def unfit(steps: StepQuerySet, pipeline: Pipeline) -> StepQuerySet:
    """These steps if they have no job, are of another phase, or lie in no season of the pipeline file."""
    of_a_job = Q(pk__in=[])
    for phase in pipeline.phases:
        tables = [table.name for table in pipeline.filled if table.phase == phase.name]
        of_a_job |= Q(phase=phase.name, table__in=tables)
    in_a_season = Q(pk__in=[])
    for season in pipeline.seasons:
        in_a_season |= Q(date__range=(season.start, season.end))
    return steps.exclude(of_a_job & in_a_season)


def grouped(steps: Iterable[Step], pipeline: Pipeline) -> list[Unfillable]:
    dates = by_key(((step.table, why(step, pipeline)), step.date) for step in steps)
    return [Unfillable(table, reason, tuple(sorted(some))) for (table, reason), some in dates.items()]


def why(step: Step, pipeline: Pipeline) -> str:
    table = pipeline.by_name.get(step.table)
    if table is None:
        return "is not in it"
    if not table.job:
        return "has no job in it"
    if table.phase != step.phase:
        return f"is in phase {table.phase} there, and was in phase {step.phase} when the run was launched"
    return "has dates in no season of it"
