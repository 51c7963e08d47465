"""How far a run is and when it ends: as a range, weighed by the work of each date, and silent while it cannot know."""

from __future__ import annotations

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from django.db.models import Count, Sum, Window
from django.db.models.functions import RowNumber

from apps.runs.models import Run, Step

FEWEST = 5  # finished steps before an estimate is given
RECENT = 400  # finished steps of a table that are looked at
CERTAIN = 1.96  # |slope / its error| from which a trend is taken for one
EIGHTY_PERCENT = 1.2816  # of a normal distribution lies within so many standard deviations


@dataclass(frozen=True, slots=True)
class Work:
    """A finished step: its units and how long it took."""

    units: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds that a table needs for a unit of work, with what is known about their spread.

    With a trend the n-th step from now takes `rate + slope * n` seconds a unit.
    """

    rate: float
    error: float
    spread: float
    slope: float = 0.0
    slope_error: float = 0.0
    steps: int = 0

    @property
    def drift(self) -> float:
        """By how much of itself the time for a unit changes from one date to the next; 0.12 is 12 %."""
        return self.slope / self.rate if self.rate > 0 else 0.0


def pace(finished: Sequence[Work]) -> Pace | None:
    """The pace of a table from its finished steps, oldest first; None from fewer than FEWEST.

    The ratio estimator, total seconds over total units (Cochran, Sampling Techniques, ch. 6), with its standard error
    from the residuals; or, where a least-squares line through seconds a unit against the step's place rises or falls
    beyond chance, that line (e.g. Montgomery, Introduction to Linear Regression Analysis, ch. 2), taken at its end.
    """
    work = [item for item in finished if item.units > 0 and item.seconds >= 0][-RECENT:]
    count = len(work)
    if count < FEWEST:
        return None
    units = sum(item.units for item in work)
    rate = sum(item.seconds for item in work) / units
    mean_units = units / count
    residual = sum((item.seconds - rate * item.units) ** 2 for item in work) / (count - 1)
    flat = Pace(
        rate=rate,
        error=math.sqrt(residual / count) / mean_units,
        spread=math.sqrt(residual / mean_units),
        steps=count,
    )
    return trend(work, flat) or flat


def trend(work: Sequence[Work], flat: Pace) -> Pace | None:
    """The line through seconds a unit, where it is one; None where the flat pace describes them as well."""
    count = len(work)
    if count < 2 * FEWEST:
        return None
    values = [item.seconds / item.units for item in work]
    middle, mean = (count - 1) / 2, sum(values) / count
    width = sum((place - middle) ** 2 for place in range(count))
    slope = sum((place - middle) * (value - mean) for place, value in enumerate(values)) / width
    rest = sum((value - mean - slope * (place - middle)) ** 2 for place, value in enumerate(values))
    deviation = math.sqrt(rest / (count - 2))
    slope_error = deviation / math.sqrt(width)
    if abs(slope) <= CERTAIN * slope_error or slope == 0:
        return None
    units = sum(item.units for item in work)
    return Pace(
        rate=max(mean + slope * (count - middle), 0.1 * mean),  # a falling line ends above nothing
        error=deviation * math.sqrt(1 / count),
        spread=deviation * math.sqrt(sum(item.units**2 for item in work) / units),
        slope=slope,
        slope_error=slope_error,
        steps=count,
    )


@dataclass(frozen=True, slots=True)
class Left:
    """Unfinished steps of one table: how many, and their units together."""

    steps: int
    units: float


def seconds_left(pace: Pace, left: Left) -> tuple[float, float]:
    """The time that the steps left will take, and the standard deviation of that."""
    if left.steps == 0:
        return 0.0, 0.0
    each = left.units / left.steps
    places = left.steps * (left.steps - 1) / 2  # 0 + 1 + ... for the steps ahead
    expected = pace.rate * left.units + pace.slope * places * each
    floor = left.units * pace.rate * 0.1  # a falling line never reaches nothing
    # The line turns around the middle of what is finished: from there an error of its slope counts.
    lever = left.units * (pace.steps + 1) / 2 + places * each
    variance = (pace.error * left.units) ** 2 + pace.spread**2 * left.units + (pace.slope_error * lever) ** 2
    return max(expected, floor), math.sqrt(variance)


@dataclass(frozen=True)
class Progress:
    """A run in numbers. Handed the time by its caller, it asks nothing of anybody."""

    total: int
    verified: int
    failed: int
    skipped: int
    cancelled: int
    running: int
    pending: int
    attempts: int = 0
    paces: dict[str, Pace] = field(default_factory=dict)
    left: dict[str, Left] = field(default_factory=dict)
    seconds_a_step: float | None = None
    is_active: bool = True

    @property
    def decided(self) -> int:
        return self.verified + self.failed + self.skipped + self.cancelled

    @property
    def unfinished(self) -> int:
        return self.running + self.pending

    @property
    def percent(self) -> int:
        """Verified of all, rounded down: 100 means every step."""
        return 100 * self.verified // self.total if self.total else 0

    @property
    def seconds_range(self) -> tuple[float, float] | None:
        """The time left, as a range that holds four times out of five; None where it cannot be known yet."""
        if not self.unfinished:
            return (0.0, 0.0)
        if not self.paces:
            return None
        expected = variance = 0.0
        for table, left in self.left.items():
            seconds, deviation = seconds_left(self.pace_of(table), left)
            expected += seconds
            variance += deviation**2
        margin = EIGHTY_PERCENT * math.sqrt(variance)
        return max(expected - margin, expected * 0.2), expected + margin

    def pace_of(self, table: str) -> Pace:
        """The table's own pace; that of all tables together while it has none, with half of it as its error."""
        if table in self.paces:
            return self.paces[table]
        rates = [pace.rate for pace in self.paces.values()]
        rate = median(rates)
        return Pace(rate=rate, error=max(0.5 * rate, (max(rates) - min(rates)) / 2), spread=rate)

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
        return 3600 / self.seconds_a_step if self.seconds_a_step else None

    @property
    def segments(self) -> list[tuple[str, int]]:
        """For a bar: state and count, in order."""
        return [
            ("complete", self.verified),
            ("failed", self.failed),
            ("accepted", self.skipped + self.cancelled),
            ("running", self.running),
            ("queued", self.pending),
        ]


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
    paces, mean = paces_of(run, with_history=set(left))
    return Progress(
        total=sum(counts.values()),
        verified=counts[Step.Status.SUCCEEDED],
        failed=counts[Step.Status.FAILED],
        skipped=counts[Step.Status.SKIPPED],
        cancelled=counts[Step.Status.CANCELLED],
        running=counts[Step.Status.RUNNING],
        pending=counts[Step.Status.PENDING],
        paces=paces,
        left=left,
        seconds_a_step=mean,
        is_active=run.is_active,
    )


def paces_of(run: Run, *, with_history: set[str]) -> tuple[dict[str, Pace], float | None]:
    """Paces by table from this run's steps, and its mean seconds a step over the last ones.

    Nothing is said before this run finished FEWEST steps; tables that it did not reach yet borrow their pace from
    what earlier runs recorded.
    """
    done: dict[str, list[Work]] = defaultdict(list)
    rows = (
        run.steps.filter(seconds__isnull=False)
        .order_by("-finished_at", "-position")
        .values_list("table", "units", "seconds")[: 5 * RECENT]
    )
    finished = [(table, units, seconds or 0.0) for table, units, seconds in rows]
    if len(finished) < FEWEST:
        return {}, None
    for table, units, seconds in reversed(finished):
        done[table].append(Work(units, seconds))
    for table, work in history(
        with_history - {t for t in done if len(done[t]) >= FEWEST}, before=run
    ).items():
        done[table] = work + done[table]
    paces = {table: found for table, work in done.items() if (found := pace(work))}
    last = [seconds for _, _, seconds in finished[:50]]
    return paces, sum(last) / len(last)


def history(tables: set[str], *, before: Run | None = None) -> dict[str, list[Work]]:
    """What verified steps of earlier runs took, by table, oldest first; in one query."""
    if not tables:
        return {}
    steps = Step.objects.filter(table__in=tables, status=Step.Status.SUCCEEDED, seconds__isnull=False)
    if before:
        steps = steps.filter(run_id__lt=before.pk)
    newest = Window(RowNumber(), partition_by="table", order_by="-id")
    recent = steps.annotate(place=newest).filter(place__lte=RECENT).order_by("-id")
    found: dict[str, list[Work]] = defaultdict(list)
    for table, units, seconds in recent.values_list("table", "units", "seconds"):
        found[table].append(Work(units, seconds or 0.0))
    return {table: work[::-1] for table, work in found.items()}
