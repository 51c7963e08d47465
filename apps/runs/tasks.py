"""Runs in the queue: each task performs a slice of a run and enqueues the next one."""

from __future__ import annotations

import time
import uuid
from contextlib import suppress

from django.db import transaction
from django.utils import timezone
from django_q.tasks import async_task

from apps.coverage.models import Scan
from apps.pipeline import definition
from apps.runs.keeper import LEASE, take
from apps.runs.models import IllegalMove, Run
from apps.workers.beats import doing

SLICE = 45.0  # seconds of work before the next task's turn


def perform_later(run: Run) -> None:
    """Puts the run's next slice in the queue, in the caller's transaction.

    The ticket makes it the only one: tasks of the same run that wait elsewhere find theirs gone.
    """
    ticket = uuid.uuid4().hex
    Run.objects.filter(pk=run.pk).update(lease=ticket, lease_until=timezone.now() + LEASE)
    async_task("apps.runs.tasks.perform", run.pk, ticket, cluster="runs")


def perform(run_id: int, ticket: str) -> None:
    from apps.runs import runner  # the web process enqueues without loading the engine

    lease = take(run_id, ticket=ticket)
    if lease is None:
        return
    with doing(f"run {run_id}"):
        more = runner.perform(run_id, definition.current(), lease=lease, until=time.monotonic() + SLICE)
    if more:
        with transaction.atomic():
            run = Run.objects.active().filter(pk=run_id, lease=lease).first()
            if run:
                perform_later(run)


def revive() -> None:
    """Puts runs back in the queue that nobody gave a sign of life for, or whose warehouse answers again."""
    for run in Run.objects.without_a_sign_of_life(timezone.now()):
        perform_again(run)
    for run in Run.objects.filter(status=Run.Status.PAUSED, pause=Run.Pause.WAREHOUSE):
        if warehouse_answers_again(run):
            go_on(run)


def perform_again(run: Run) -> None:
    """Another task with the same ticket: one that still waits in the queue stays good, whichever comes first."""
    now = timezone.now()
    ticket = run.lease or uuid.uuid4().hex
    silent = Run.objects.without_a_sign_of_life(now).filter(pk=run.pk, lease=run.lease)
    with transaction.atomic():
        if silent.update(lease=ticket, lease_until=now + LEASE):
            async_task("apps.runs.tasks.perform", run.pk, ticket, cluster="runs")


def warehouse_answers_again(run: Run) -> bool:
    """Whether a scan that began after the run came to rest read the warehouse."""
    rested = run.events.filter(kind=Run.Status.PAUSED).first()
    read = Scan.objects.filter(status=Scan.Status.SUCCEEDED)
    return rested is not None and read.filter(started_at__gt=rested.at).exists()


def go_on(run: Run) -> None:
    with suppress(IllegalMove), transaction.atomic():  # somebody was quicker
        run.move(Run.Status.QUEUED, says="Going on: the warehouse answers again")
        perform_later(run)
