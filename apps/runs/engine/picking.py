"""Picks what a run does next: pending steps that a free lane may take, or what stands in the way."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import cached_property

from django.db.models import QuerySet

from apps.coverage.models import CalendarDate
from apps.pipeline.definition import Pipeline
from apps.pipeline.sections import Job, Table
from apps.runs.dependencies import gates, needs
from apps.runs.dependencies.gates import Key, Readiness
from apps.runs.models import Attempt, Run, Step
from apps.runs.plans import batching

AHEAD = 20  # pending steps of a table that are looked at first; all of them where none of these may start


@dataclass(frozen=True)
class Take:
    """Steps for one call. `overridden` are those whose inputs are not complete and that start all the same."""

    table: Table
    steps: list[Step]
    overridden: set[dt.date] = field(default_factory=set)


@dataclass(frozen=True)
class Skip:
    """Steps that can never start, each with its reason."""

    table: str
    reasons: dict[Step, str]


@dataclass(frozen=True)
class InputsUnknown:
    """Inputs that decide whether steps may start and were never read: they have to be read first."""

    keys: tuple[Key, ...]


@dataclass(frozen=True)
class CannotRead:
    """All steps left wait for inputs that the warehouse could not read."""

    keys: tuple[Key, ...]


@dataclass(frozen=True)
class WaitForRun:
    """All steps left read what another run is about to write."""

    run_id: int

    def in_words(self) -> str:
        other = Run.objects.get(pk=self.run_id)
        says = f"What is left reads dates that {other} is about to write; it goes on when that run is done with them"
        return f"{says}. {other} is paused: resume or cancel it" if other.is_paused else says


@dataclass(frozen=True)
class Gate:
    """An operator must start this phase."""

    phase: str


class NoWork(Enum):
    """Why no step can be taken, if it is about the run as a whole."""

    DONE = auto()  # every step is decided
    WAIT = auto()  # other lanes are at work, and what is left waits for them
    PAUSE_REQUESTED = auto()  # since this lane looked
    CANARY_DONE = auto()  # its dates are decided, as far as they can be; the others wait for an operator
    OFF_CALENDAR = auto()  # the dates left are not on the calendar now; an operator must decide


Pick = Take | Skip | InputsUnknown | CannotRead | WaitForRun | Gate | NoWork


def pick(
    pipeline: Pipeline, run: Run, *, after: Attempt | None = None, unreadable_inputs: Collection[Key] = ()
) -> Pick:
    """The next steps for a free lane once this attempt is over, or why there are none; from what is stored.

    `unreadable_inputs` are those that the warehouse could not read when it was asked.
    """
    return Picker(pipeline, run, after, unreadable_inputs).pick()


class Picker:
    """One look at a run, table by table in its order."""

    def __init__(
        self, pipeline: Pipeline, run: Run, after: Attempt | None, unreadable_inputs: Collection[Key] = ()
    ):
        self.pipeline = pipeline
        self.run = run
        self.unreadable_inputs = unreadable_inputs
        # What keeps steps from starting that could start otherwise: inputs, and other runs that are to write some.
        self.missing_inputs: set[Key] = set()
        self.awaited_runs: set[int] = set()
        over = [after.pk] if after else []
        attempts = run.attempts.filter(status=Attempt.Status.RUNNING).exclude(pk__in=over)
        self.under_way = Counter(attempts.values_list("table", flat=True))

    def pick(self) -> Pick:
        gate = ""
        for name, first in self.pending_tables():
            table = self.pipeline.table(name)
            if gates.manual_gate(self.pipeline, self.run, table.phase):
                gate = gate or table.phase
            elif self.under_way[name] < table.parallel and (found := self.pick_from_table(table, first)):
                return found
        return self.reason_for_no_step(gate)

    def pending(self) -> QuerySet[Step]:
        steps = self.run.steps.pending().on_calendar().order_by("position")
        return steps.filter(is_canary=True) if self.run.canary_is_out else steps

    def pending_tables(self) -> Iterator[tuple[str, list[Step]]]:
        """Tables with pending steps, each with the first of them; the next is asked for when it is needed."""
        seen: list[str] = []
        while first := list(self.pending().exclude(table__in=seen)[:AHEAD]):
            name = first[0].table
            seen.append(name)
            yield name, [step for step in first if step.table == name]

    def pick_from_table(self, table: Table, first: list[Step]) -> Take | Skip | InputsUnknown | None:
        assert table.job
        most = batching.next_size(self.run, table.name, table.job)
        if most > AHEAD == len(first):
            first = list(self.pending().filter(table=table.name)[:most])
        found = self.pick_from(table, first, most)
        if found or len(first) < AHEAD:
            return found
        return self.pick_from(table, list(self.pending().filter(table=table.name)), most)

    def pick_from(self, table: Table, steps: list[Step], most: int) -> Take | Skip | InputsUnknown | None:
        dates = [step.date for step in steps]
        ready = gates.readiness_of(table, dates, run=self.run)
        needs.add(ready, self.pipeline, table, dates, run=self.run)
        waiting = set(ready.waiting)
        overridden = set(ready.closed) | set(ready.unread) | set(ready.awaited_runs)
        if not self.run.override_reason:
            if closed := {step: ready.closed[step.date] for step in steps if step.date in ready.closed}:
                return Skip(table.name, closed)
            if unread := self.unread_inputs(ready):
                return InputsUnknown(unread)
            self.awaited_runs |= {
                run for date, run in ready.awaited_runs.items() if date not in ready.waiting
            }
            waiting, overridden = waiting | overridden, set()
        may_start = [step for step in steps if step.date not in waiting]
        if not may_start:
            return None
        assert table.job
        taken = list(fitting(table.job, may_start, 1 if may_start[0].attempts else most, self.calendar))
        return Take(table, taken, {step.date for step in taken} & overridden)

    def unread_inputs(self, ready: Readiness) -> tuple[Key, ...]:
        """The inputs that were never read and that the warehouse was not asked about yet."""
        wanted = {key for date, keys in ready.unread.items() if date not in ready.waiting for key in keys}
        self.missing_inputs |= wanted & set(self.unreadable_inputs)
        return tuple(sorted(wanted - set(self.unreadable_inputs)))

    @cached_property
    def calendar(self) -> list[dt.date]:
        return list(CalendarDate.objects.order_by("date").values_list("date", flat=True))

    def reason_for_no_step(self, gate: str) -> Pick:
        if self.under_way:
            return NoWork.WAIT
        if self.missing_inputs:
            return CannotRead(tuple(sorted(self.missing_inputs)))
        if self.awaited_runs:
            return WaitForRun(min(self.awaited_runs))
        if self.run.canary_is_out and self.run.steps.pending().filter(is_canary=False).exists():
            return NoWork.CANARY_DONE
        if gate:
            return Gate(gate)
        if self.run.steps.pending().off_calendar().exists():
            return NoWork.OFF_CALENDAR
        return NoWork.WAIT if self.run.steps.unfinished().exists() else NoWork.DONE


def fitting(job: Job, steps: Sequence[Step], most: int, calendar: Sequence[dt.date]) -> Iterator[Step]:
    """Steps for one call; for a job that takes a range, without a date between them that is not a step."""
    previous: Step | None = None
    for step in steps[:most]:
        if previous and step.attempts:
            return
        if previous and job.takes_ranges and not adjacent(previous, step, calendar):
            return
        yield step
        previous = step


def adjacent(one: Step, other: Step, calendar: Sequence[dt.date]) -> bool:
    """Whether a range over both dates has no other expected date in it, and no summer between two seasons."""
    first, last = sorted((one.date, other.date))
    after = bisect_right(calendar, first)
    return one.season == other.season and (after == len(calendar) or calendar[after] >= last)
