"""The progress of a run and its ETA: a range, weighed by the work of each date; none while it cannot be known."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import NamedTuple

from django.db.models import Count, Exists, F, Max, Min, OuterRef, Q, Sum, Value
from django.db.models.functions import Coalesce

from apps.pipeline.definition import Pipeline
from apps.runs.dependencies import gates
from apps.runs.estimates import eta, outside_work
from apps.runs.estimates.eta import Estimate, Leg, Part, Stop
from apps.runs.estimates.paces import FEWEST, Work
from apps.runs.estimates.remaining_work import Left
from apps.runs.models import Run, Step
from apps.runs.results.outcomes import Counts, counted

NEWEST = 1000  # finished steps of the run itself that are looked at
EARLIER = 100  # of a table, of earlier runs
ENOUGH = 50  # verified steps of a table after which earlier runs add nothing
LAST_STEPS = 50  # over which the pace in steps an hour is told
FINISHED = (Step.Status.SUCCEEDED, Step.Status.FAILED)

Moments = tuple[dt.datetime, dt.datetime]


@dataclass(frozen=True)
class Progress(Counts):
    """A run in numbers. Handed the time by its caller, it asks nothing of anybody."""

    estimate: Estimate = field(default_factory=Estimate)
    seconds_a_step: float | None = None
    lanes: int = 1
    is_active: bool = True

    @property
    def lanes_in_use(self) -> int:
        """How many calls are under way at a time: no more than there are steps left."""
        return max(min(self.lanes, self.unfinished), 1)

    @property
    def seconds_range(self) -> tuple[float, float] | None:
        """The work left, as a range that holds four times out of five; None if it cannot be known yet."""
        if not self.unfinished:
            return (0.0, 0.0)
        return self.estimate.seconds_range if self.estimate.left else None

    @property
    def stop(self) -> Stop | None:
        """What an active run will wait for before it ends; None if it ends by itself, or pauses."""
        return self.estimate.stop if self.is_active else None

    def finish_range(self, *, now: dt.datetime) -> Moments | None:
        """Between which moments the run likely ends; None while it is paused, waits for a person first, or cannot be
        known."""
        return None if self.stop else self.moments(self.seconds_range, now)

    def stop_range(self, *, now: dt.datetime) -> Moments | None:
        """Between which moments it likely comes to where it waits for a person; None if it does not, or it cannot
        be known."""
        return self.moments(self.estimate.to_stop, now) if self.stop else None

    def moments(self, seconds: tuple[float, float] | None, now: dt.datetime) -> Moments | None:
        if not self.is_active or seconds is None:
            return None
        return now + dt.timedelta(seconds=seconds[0]), now + dt.timedelta(seconds=seconds[1])

    @property
    def slowing(self) -> tuple[str, int] | None:
        """The table that slows down most, and by how many percent a date; None if none does by 1 % or more."""
        paces = self.estimate.paces
        slowest = max(paces.items(), key=lambda item: item[1].drift, default=None)
        if slowest is None or slowest[1].drift < 0.01 or slowest[0] not in self.estimate.left:
            return None
        return slowest[0], int(100 * slowest[1].drift)

    @property
    def steps_an_hour(self) -> float | None:
        return 3600 * self.lanes_in_use / self.seconds_a_step if self.seconds_a_step else None


def to_the_minute(between: Moments | None) -> tuple[dt.datetime, ...]:
    """Both moments, or one where a clock would say the same twice; none if there are none."""
    return tuple({f"{at:%F %R}": at for at in between or ()}.values())


def progress_of(run: Run, pipeline: Pipeline) -> Progress:
    """The progress of a run, in a fixed number of queries."""
    counts, parts = counted_and_left(run)
    ahead = legs(run, parts, pipeline)
    verified = verified_steps(run)
    own = by_table(verified)
    known = eta.estimate(
        ahead,
        own=own,
        earlier=history(little_known({part.table for part in parts}, own), before=run),
        lanes=run.lanes,
    )
    return Progress(
        **counted(counts),
        estimate=known,
        seconds_a_step=seconds_a_step(verified),
        lanes=run.lanes,
        is_active=run.is_active,
    )


def counted_and_left(run: Run) -> tuple[dict[str, int], list[Part]]:
    """The run's steps by status, and those that are not finished as parts of its way; in one query."""
    counts: dict[str, int] = defaultdict(int)
    parts = []
    is_first = F("is_canary") if run.canary_is_out else Value(False)
    steps = run.steps.order_by().annotate(is_first=is_first).values_list("table", "status", "is_first")
    units = Count("id"), Sum("units"), Min("units"), Max("units")
    for table, status, first, number, *some in steps.annotate(*units):
        counts[status] += number
        if status in Step.UNFINISHED:
            parts.append(Part(table, Left(number, *some), is_first=first))
    return counts, parts


def legs(run: Run, parts: Iterable[Part], pipeline: Pipeline) -> list[Leg]:
    """The steps left, cut where the run will wait for a person."""
    phases = {table.phase for part in parts if (table := pipeline.by_name.get(part.table))}
    closed = [
        phase.name
        for phase in pipeline.phases
        if phase.name in phases and gates.manual_gate(pipeline, run, phase.name)
    ]
    return eta.legs(parts, pipeline=pipeline, gates=closed, has_canary=run.canary_is_out)


class Done(NamedTuple):
    """A verified step: its table, run and call, and what it took."""

    table: str
    run: int
    call: int
    units: int
    seconds: float


COLUMNS = ("table", "run_id", Coalesce("attempt_id", F("id") * -1), "units", "seconds")


def verified_steps(run: Run) -> list[Done]:
    """The run's last verified steps, oldest first.

    How long a date takes that fails says nothing of one that does not, and what a call takes in which some failed says
    little: such calls are left out, unless a table has too few others.
    """
    ended = run.steps.filter(finished_at__isnull=False)  # these have an index in this order
    newest = ended.filter(status__in=FINISHED, seconds__isnull=False).order_by("-finished_at", "-position")
    rows = list(newest.values_list("status", *COLUMNS)[:NEWEST])[::-1]
    verified = [Done(*row) for status, *row in rows if status == Step.Status.SUCCEEDED]
    failed = {row[2] for status, *row in rows if status == Step.Status.FAILED}
    return without_calls(verified, failed)


def without_calls(verified: Sequence[Done], failed: Collection[int]) -> list[Done]:
    """Of each table the steps of other calls than those in which one failed, where there are enough of them."""
    clean = Counter(step.table for step in verified if step.call not in failed)
    return [step for step in verified if step.call not in failed or clean[step.table] < FEWEST]


def by_table(steps: Iterable[Done]) -> dict[str, list[Work]]:
    """Calls by table: the steps of one call are one observation."""
    found: dict[str, dict[int, list[Done]]] = defaultdict(lambda: defaultdict(list))
    for step in steps:
        found[step.table][step.call].append(step)
    return {table: [call(shared) for shared in calls.values()] for table, calls in found.items()}


def little_known(left: Iterable[str], own: Mapping[str, Sequence[Work]]) -> set[str]:
    """Tables of which the run itself did so little that earlier runs can add to it."""
    return {table for table in left if sum(work.steps for work in own.get(table, ())) < ENOUGH}


def call(shared: Sequence[Done]) -> Work:
    return Work(
        units=sum(step.units for step in shared),
        seconds=sum(step.seconds for step in shared),
        steps=len(shared),
        run=shared[0].run,
        least=min(step.units for step in shared),
        most=max(step.units for step in shared),
    )


def seconds_a_step(steps: Sequence[Done]) -> float | None:
    """The mean over the last verified steps; None from fewer than FEWEST."""
    last = [step.seconds for step in steps[-LAST_STEPS:]]
    return sum(last) / len(last) if len(last) >= FEWEST else None


def history(tables: set[str], *, before: Run | None = None) -> dict[str, list[Work]]:
    """What dates took before, by table and call, oldest first: in earlier runs, else by the warehouse's run history."""
    found = earlier_runs(tables, before=before)
    unknown = {table for table in tables if sum(each.steps for each in found.get(table, ())) < FEWEST}
    return found | outside_work.work(unknown, before=before.launched_at if before else None)


def earlier_runs(tables: set[str], *, before: Run | None = None) -> dict[str, list[Work]]:
    """What verified steps of earlier runs took; in one query."""
    if not tables:
        return {}
    verified = Step.objects.filter(status=Step.Status.SUCCEEDED, seconds__isnull=False).order_by("-id")
    if before:
        verified = verified.filter(run_id__lt=before.pk)
    # Each table's newest are found by their index; to number all of a table's steps would take longer with every run.
    newest = [verified.filter(table=table).values("pk")[:EARLIER] for table in sorted(tables)]
    recent = Step.objects.filter(reduce(or_, (Q(pk__in=some) for some in newest))).order_by("-id")
    in_its_call = Step.objects.failed().filter(attempt=OuterRef("attempt")).order_by()
    rows = list(recent.annotate(is_mixed=Exists(in_its_call)).values_list("is_mixed", *COLUMNS))[::-1]
    steps = [Done(*row) for _, *row in rows]
    return by_table(without_calls(steps, {row[2] for is_mixed, *row in rows if is_mixed}))
