"""Cancels a run that no worker performs, and takes its unfinished steps out of it."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection

from django.db import transaction
from django.utils import timezone

from apps.coverage.models import Partition, set_activity
from apps.runs.models import Run, Step
from apps.text import because, count


def cancel_now(run: Run, *, by: str = "", reason: str = "") -> None:
    """Cancels a run that nobody performs: what is unfinished is cancelled, not failed."""
    with transaction.atomic():
        left = take_out_steps(run, Step.Status.CANCELLED)
        says = because(f"Cancelled with {count(left, 'step')} left", reason)
        run.move(Run.Status.CANCELLED, says=says, by=by, finished_at=timezone.now())


def take_out_steps(run: Run, status: Step.Status) -> int:
    """Takes all unfinished steps out of the run; answers how many."""
    dates: dict[str, list[dt.date]] = defaultdict(list)
    for table, date in run.steps.unfinished().values_list("table", "date"):
        dates[table].append(date)
    released = run.steps.unfinished().update(status=status, finished_at=timezone.now())
    for table, some in dates.items():
        set_activity(table, some, Partition.Activity.NONE, run_id=None)
        restore_failures(table, some)
    return released


def restore_failures(table: str, dates: list[dt.date]) -> None:
    """A retry that was given up leaves the failure that it was for: what a run decided last still counts.

    A date that was never filled, and that somebody filled since, has none any more.
    """
    steps = Step.objects.filter(table=table, date__in=dates)
    decided = steps.not_done() | steps.filter(status=Step.Status.SUCCEEDED)
    values = decided.order_by("id").values_list("date", "status", "is_redo", "run_id")
    last = {date: (Step.activity_left(status, is_redo), run_id) for date, status, is_redo, run_id in values}
    marks: dict[tuple[Partition.Activity, int], list[dt.date]] = defaultdict(list)
    for date, mark in last.items():
        marks[mark].append(date)
    for (activity, run_id), some in marks.items():
        some = still_open(table, some, activity)
        if activity != Partition.Activity.NONE:
            set_activity(table, some, activity, run_id=run_id)


def still_open(table: str, dates: Collection[dt.date], activity: Partition.Activity) -> list[dt.date]:
    """Those whose failure neither a reading nor a person closed since."""
    found = Partition.objects.filter(table=table, date__in=dates, closed_by=None)
    if activity == Partition.Activity.FAILED:
        found = found.exclude(state=Partition.State.COMPLETE)
    return list(found.values_list("date", flat=True))
