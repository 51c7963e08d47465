"""How far a run is and when it ends: as a range, weighed by the work of each date, and silent while it cannot know."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import NamedTuple

from django.db.models import Count, F, Q, Sum
from django.db.models.functions import Coalesce

from apps.runs import outside_work, paces
from apps.runs.models import Run, Step
from apps.runs.outcomes import Counts, counted
from apps.runs.paces import FEWEST, Left, Pace, Work, borrowed, pace

__all__ = ["FEWEST", "Left", "Pace", "Progress", "Work", "borrowed", "history", "of", "pace"]

NEWEST = 1000  # finished steps of the run itself that are looked at
EARLIER = 100  # of a table, of earlier runs
ENOUGH = 50  # finished steps of a table after which earlier runs add nothing
LAST_STEPS = 50  # over which the pace in steps an hour is told
FINISHED = (Step.Status.SUCCEEDED, Step.Status.FAILED)


@dataclass(frozen=True)
class Progress(Counts):
    """A run in numbers. Handed the time by its caller, it asks nothing of anybody."""

    paces: dict[str, Pace] = field(default_factory=dict)
    left: dict[str, Left] = field(default_factory=dict)
    by_run_history: list[str] = field(default_factory=list)
    seconds_a_step: float | None = None
    lanes: int = 1
    is_active: bool = True

    @property
    def lanes_in_use(self) -> int:
        """How many calls are under way at a time: no more than there are steps left."""
        return max(min(self.lanes, self.unfinished), 1)

    @property
    def seconds_range(self) -> tuple[float, float] | None:
        """The time left, as a range that holds four times out of five; None where it cannot be known yet."""
        if not self.unfinished:
            return (0.0, 0.0)
        if not self.paces:
            return None
        low, high = paces.range_of(self.paces, self.left)
        return low / self.lanes_in_use, high / self.lanes_in_use

    def finish_range(self, *, now: dt.datetime) -> tuple[dt.datetime, dt.datetime] | None:
        """Between which moments the run likely ends; None while it rests or cannot be known."""
        if not self.is_active or (seconds := self.seconds_range) is None:
            return None
        return now + dt.timedelta(seconds=seconds[0]), now + dt.timedelta(seconds=seconds[1])

    @property
    def slowing(self) -> tuple[str, int] | None:
        """The table that slows down most, and by how many percent a date; None where none does by 1 % or more."""
        slowest = max(self.paces.items(), key=lambda item: item[1].drift, default=None)
        if slowest is None or slowest[1].drift < 0.01 or slowest[0] not in self.left:
            return None
        return slowest[0], int(100 * slowest[1].drift)

    @property
    def steps_an_hour(self) -> float | None:
        return 3600 * self.lanes_in_use / self.seconds_a_step if self.seconds_a_step else None


def of(run: Run) -> Progress:
    """The progress of a run, in a fixed number of queries."""
    counts: dict[str, int] = defaultdict(int)
    left: dict[str, Left] = {}
    rows = run.steps.order_by().values_list("table", "status").annotate(Count("id"), Sum("units"))
    for table, status, steps, units in rows:
        counts[status] += steps
        if status in Step.UNFINISHED:
            before = left.get(table, Left(0, 0))
            left[table] = Left(before.steps + steps, before.units + units)
    done = finished(run)
    own = by_table(done)
    earlier = history(little_known(left, own), before=run) if len(done) >= FEWEST else {}
    known = paces.of_tables(own, earlier, left)
    return Progress(
        **counted(counts),
        paces=known,
        left=left,
        by_run_history=[table for table in outside_work.tables_of(earlier) if not own.get(table)],
        seconds_a_step=seconds_a_step(done) if known else None,
        lanes=run.lanes,
        is_active=run.is_active,
    )


class Done(NamedTuple):
    """A finished step: its table, run and call, and what it took."""

    table: str
    run: int
    call: int
    units: int
    seconds: float


COLUMNS = ("table", "run_id", Coalesce("attempt_id", F("id") * -1), "units", "seconds")


def finished(run: Run) -> list[Done]:
    """The run's last finished steps, oldest first."""
    ended = run.steps.filter(finished_at__isnull=False)  # these have an index in this order
    newest = ended.filter(status__in=FINISHED, seconds__isnull=False).order_by("-finished_at", "-position")
    return list(map(Done._make, newest.values_list(*COLUMNS)[:NEWEST]))[::-1]


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
    )


def seconds_a_step(steps: Sequence[Done]) -> float | None:
    """The mean over the last steps."""
    last = [step.seconds for step in steps[-LAST_STEPS:]]
    return sum(last) / len(last) if last else None


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
    return by_table(list(map(Done._make, recent.values_list(*COLUMNS)))[::-1])
