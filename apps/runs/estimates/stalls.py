"""Stalled calls: no output for several times as long as such a call usually takes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from django.db import transaction
from django.db.models import F, QuerySet, Window
from django.db.models.functions import RowNumber

from apps import timing
from apps.grouping import by_key
from apps.pipeline import definition
from apps.runs.models import Attempt, Event, Run
from apps.text import duration

STALLED = "stalled"  # the kind of event
TIMES = 5  # as long as the median call of the same job
COMPARED = 50  # calls of a table that say what is usual


@dataclass(frozen=True)
class Stall:
    """A call that went quiet. `usual_seconds` is the median of its job's calls; None if none ended yet."""

    attempt: Attempt
    quiet_seconds: float
    usual_seconds: float | None

    @property
    def says(self) -> str:
        """What the mail's subject says up to the semicolon, and which call it is about."""
        table = definition.short_name(self.attempt.table)
        return (
            f"No output and no finished step for {duration(self.quiet_seconds)}; "
            f"attempt {self.attempt.number}, {table}, is under way, {self.usual}"
        )

    @property
    def usual(self) -> str:
        if self.usual_seconds is None:
            return "and no call of this job ended yet to compare it with"
        return f"and calls of this job take {duration(self.usual_seconds)} as a rule"


def stall(attempt: Attempt, usual_seconds: float | None, *, now: dt.datetime) -> Stall | None:
    """The stall of a call under way; None if it is not quiet for long enough. Steps finish when their call ends."""
    quiet = now - quiet_since(attempt)
    limit = max(TIMES * dt.timedelta(seconds=usual_seconds or 0.0), timing.SHORTEST_STALL)
    return Stall(attempt, quiet.total_seconds(), usual_seconds) if quiet >= limit else None


def quiet_since(attempt: Attempt) -> dt.datetime:
    return max(attempt.started_at, attempt.output_at)


def stalled(calls: Iterable[Attempt], *, now: dt.datetime) -> list[Stall]:
    """The stalls among calls under way; in two queries at most, none if no call is quiet."""
    quiet = [call for call in calls if now - quiet_since(call) >= timing.SHORTEST_STALL]
    usual = usual_seconds(quiet) if quiet else {}
    stalls = (stall(call, usual.get(call.pk), now=now) for call in quiet)
    return [each for each in stalls if each]


def usual_seconds(calls: Sequence[Attempt]) -> dict[int, float]:
    """What calls of the same job take, by the key of the call: in its own run, else in all."""
    ended = Attempt.objects.filter(status=Attempt.Status.ENDED, table__in={call.table for call in calls})
    own = medians(ended.filter(run__in={call.run_id for call in calls}), "run_id", "table")
    found = {call.pk: own[call.run_id, call.table] for call in calls if (call.run_id, call.table) in own}
    if len(found) < len(calls):
        everywhere = medians(ended, "table")
        found = {call.pk: everywhere[(call.table,)] for call in calls if (call.table,) in everywhere} | found
    return found


def medians(attempts: QuerySet[Attempt], *by: str) -> dict[tuple[int | str, ...], float]:
    """The median duration of the newest attempts with the same values, in one query."""
    place = Window(RowNumber(), partition_by=[F(column) for column in by], order_by="-id")
    newest = attempts.exclude(finished_at=None).annotate(place=place).filter(place__lte=COMPARED)
    calls = newest.values_list(*by, "started_at", "finished_at")
    seconds = by_key((tuple(key), (ended - began).total_seconds()) for *key, began, ended in calls)
    return {key: median(some) for key, some in seconds.items()}


def record_all(now: dt.datetime) -> None:
    """Records each stalled call that was not recorded yet."""
    running = Run.objects.filter(status=Run.Status.RUNNING)
    calls = Attempt.objects.filter(run__in=running, status=Attempt.Status.RUNNING)
    quiet = calls.filter(
        started_at__lte=now - timing.SHORTEST_STALL, output_at__lte=now - timing.SHORTEST_STALL
    )
    for each in stalled(quiet.select_related("run"), now=now):
        record(each)


def record(found: Stall) -> None:
    """Records the stall, once for each attempt."""
    run = found.attempt.run
    with transaction.atomic():
        Run.objects.select_for_update().filter(pk=run.pk).first()  # of two that look, one after the other
        told = Event.objects.filter(run=run, kind=STALLED, data__attempt=found.attempt.number)
        if not told.exists():
            run.record(STALLED, found.says, data={"attempt": found.attempt.number})
