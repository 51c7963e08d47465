"""Picks what a run does next: pending steps that a free lane may take, or what stands in the way."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
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
    """Inputs that decide whether steps may start, and of which nobody knows anything: they are to be read first."""

    keys: tuple[Key, ...]


@dataclass(frozen=True)
class CannotRead:
    """All that is left waits for inputs that were asked about in vain."""

    keys: tuple[Key, ...]


@dataclass(frozen=True)
class WaitForRun:
    """All that is left reads what another run is about to write."""

    run_id: int

    def in_words(self) -> str:
        other = Run.objects.get(pk=self.run_id)
        says = f"What is left reads dates that {other} is about to write; it goes on when that run is done with them"
        return f"{says}. {other} is paused: resume or cancel it" if other.is_paused else says


@dataclass(frozen=True)
class Gate:
    """A person must start this phase."""

    phase: str


@dataclass(frozen=True)
class CanaryDone:
    """The canary's dates are decided, as far as they can be; the others wait for a person."""


@dataclass(frozen=True)
class OffCalendar:
    """What is left are steps whose dates are not on the calendar now; whether they belong there a person must say."""


@dataclass(frozen=True)
class Wait:
    """Other lanes are at work, and what is left waits for them."""


@dataclass(frozen=True)
class PauseRequested:
    """A pause was requested since this lane looked."""


@dataclass(frozen=True)
class Done:
    """Every step is decided."""


Pick = (
    Take
    | Skip
    | InputsUnknown
    | CannotRead
    | WaitForRun
    | Gate
    | CanaryDone
    | OffCalendar
    | Wait
    | PauseRequested
    | Done
)


def pick(
    pipeline: Pipeline, run: Run, *, after: Attempt | None = None, unreadable: Collection[Key] = ()
) -> Pick:
    """What is next for a free lane, in the run's order, once this attempt is over. Asks only what is stored.

    `unreadable` are inputs that the warehouse was asked about in vain.
    """
    return Picker(pipeline, run, after, unreadable).pick()


class Picker:
    """One look at a run, table by table in its order."""

    def __init__(self, pipeline: Pipeline, run: Run, after: Attempt | None, unreadable: Collection[Key] = ()):
        self.pipeline = pipeline
        self.run = run
        self.unreadable = unreadable
        self.without: set[Key] = set()  # inputs in vain of steps that might start otherwise
        self.elsewhere: set[int] = (
            set()
        )  # other runs that are to write inputs of steps that might start otherwise
        over = [after.pk] if after else []
        attempts = run.attempts.filter(status=Attempt.Status.RUNNING).exclude(pk__in=over)
        self.under_way = Counter(attempts.values_list("table", flat=True))

    def pick(self) -> Pick:
        gate = ""
        for name, first in self.tables():
            table = self.pipeline.table(name)
            if gates.manual_gate(self.pipeline, self.run, table.phase):
                gate = gate or table.phase
            elif self.under_way[name] < table.parallel and (found := self.of_table(table, first)):
                return found
        return self.nothing(gate)

    def pending(self) -> QuerySet[Step]:
        steps = self.run.steps.pending().on_calendar().order_by("position")
        return steps.filter(is_canary=True) if self.run.canary_is_out else steps

    def tables(self) -> Iterator[tuple[str, list[Step]]]:
        """Tables with pending steps, each with the first of them; the next is asked for when it is needed."""
        seen: list[str] = []
        while first := list(self.pending().exclude(table__in=seen)[:AHEAD]):
            name = first[0].table
            seen.append(name)
            yield name, [step for step in first if step.table == name]

    def of_table(self, table: Table, first: list[Step]) -> Take | Skip | InputsUnknown | None:
        assert table.job
        most = batching.next_size(self.run, table.name, table.job)
        if most > AHEAD == len(first):
            first = list(self.pending().filter(table=table.name)[:most])
        found = self.among(table, first, most)
        if found or len(first) < AHEAD:
            return found
        return self.among(table, list(self.pending().filter(table=table.name)), most)

    def among(self, table: Table, steps: list[Step], most: int) -> Take | Skip | InputsUnknown | None:
        dates = [step.date for step in steps]
        ready = gates.readiness_of(table, dates, run=self.run)
        needs.add(ready, self.pipeline, table, dates, run=self.run)
        overridden = set(ready.closed) | set(ready.unread) | set(ready.elsewhere)
        if not self.run.override_reason:
            if closed := {step: ready.closed[step.date] for step in steps if step.date in ready.closed}:
                return Skip(table.name, closed)
            if unread := self.to_read(ready):
                return InputsUnknown(unread)
            self.elsewhere |= {run for date, run in ready.elsewhere.items() if date not in ready.waiting}
            overridden = set()
        waiting = set(ready.waiting)
        if not self.run.override_reason:
            waiting |= set(ready.unread) | set(ready.elsewhere)
        may_start = [step for step in steps if step.date not in waiting]
        if not may_start:
            return None
        assert table.job
        taken = list(fitting(table.job, may_start, 1 if may_start[0].attempts else most, self.calendar))
        return Take(table, taken, {step.date for step in taken} & overridden)

    def to_read(self, ready: Readiness) -> tuple[Key, ...]:
        """The inputs that nobody has read and that the warehouse was not asked about yet."""
        wanted = {key for date, keys in ready.unread.items() if date not in ready.waiting for key in keys}
        self.without |= wanted & set(self.unreadable)
        return tuple(sorted(wanted - set(self.unreadable)))

    @cached_property
    def calendar(self) -> list[dt.date]:
        return list(CalendarDate.objects.order_by("date").values_list("date", flat=True))

    def nothing(self, gate: str) -> Pick:
        """Why no lane may take anything."""
        if self.under_way:
            return Wait()
        if self.without:
            return CannotRead(tuple(sorted(self.without)))
        if self.elsewhere:
            return WaitForRun(min(self.elsewhere))
        if self.run.canary_is_out and self.run.steps.pending().filter(is_canary=False).exists():
            return CanaryDone()
        if gate:
            return Gate(gate)
        if self.run.steps.pending().off_calendar().exists():
            return OffCalendar()
        return Wait() if self.run.steps.unfinished().exists() else Done()


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
