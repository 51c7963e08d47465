"""Runs in the queue: each task performs a slice of a run and enqueues the next one."""

from __future__ import annotations

import time
import uuid

from django.db import transaction
from django.utils import timezone
from django_q.tasks import async_task

from apps.pipeline import definition
from apps.runs.keeper import LEASE, take
from apps.runs.models import Run
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
    """Puts runs back in the queue that nobody gave a sign of life for."""
    now = timezone.now()
    for run in Run.objects.without_a_sign_of_life(now):
        with transaction.atomic():
            perform_later(run)
