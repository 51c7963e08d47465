"""The list of a run's steps: filtered by table and state, with rows before and after; also as CSV."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import QueryDict
from django.urls import reverse

from apps import exports
from apps.pipeline.filters import Filter
from apps.runs.models import Run, Step
from apps.runs.results import redos

# As pages call them, to what is stored.
STATES: dict[str, str] = {status.label.lower(): str(status) for status in Step.Status}
COLUMNS = (
    "run",
    "phase",
    "table",
    "date",
    "season",
    "state",
    "rows_before",
    "rows_after",
    "keys_before",
    "keys_after",
    "written_before",
    "written_after",
    "done_again",
    "seconds",
    "attempts",
    "attempt",
    "finished_at",
    "override",
    "message",
    "commit",
)


@dataclass(frozen=True)
class StepFilter(Filter):
    """Which steps of a run a person looks at."""

    table: str = ""
    state: str = ""

    @classmethod
    def of(cls, values: QueryDict, tables: Collection[str]) -> StepFilter:
        table, state = values.get("table", ""), values.get("state", "")
        return cls(
            table=table if table in tables else "",
            state=state if state in STATES else "",
            problem=" ".join(problems(table, state, tables)),
        )

    @property
    def named(self) -> dict[str, str]:
        return {"table": self.table, "state": self.state}

    def steps(self, run: Run) -> QuerySet[Step]:
        """In the order in which the run takes them, each with what became of its date (`again`)."""
        found = run.steps.select_related("attempt").annotate(again=redos.again()).order_by("position")
        if self.table:
            found = found.filter(table=self.table)
        return found.filter(status=STATES[self.state]) if self.state else found


def problems(table: str, state: str, tables: Collection[str]) -> Iterator[str]:
    """A sentence for each choice that cannot be met."""
    if table and table not in tables:
        yield f'This run has no table "{table}"; choose one of the list. Steps of all tables are shown.'
    if state and state not in STATES:
        yield f'"{state}" is no state of a step; choose one of the list. Steps in all states are shown.'


def address(run: Run, *, state: str) -> str:
    """Where the run's steps of that state are listed."""
    return f"{reverse('runs:steps', args=[run.pk])}?state={state}"


def csv_lines(steps: Iterable[Step]) -> Iterator[str]:
    """The steps as CSV, a line each, safe to open in a spreadsheet."""
    return exports.csv_lines(COLUMNS, map(cells, steps))


def cells(step: Step) -> Iterator[Any]:
    yield from (step.run_id, step.phase, step.table, step.date.isoformat(), step.season)
    yield step.get_status_display().lower()
    yield from (step.rows_before, step.rows_after, step.keys_before, step.keys_after)
    yield from (step.written_before, step.written_after)
    yield from (getattr(step, "again", ""), step.seconds, step.attempts)
    yield step.attempt.number if step.attempt else ""
    yield from (step.finished_at, "yes" if step.is_overridden else "", step.message)
    yield step.attempt.commit if step.attempt else ""
