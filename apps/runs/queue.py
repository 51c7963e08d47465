"""Puts runs and pre-flights in the queue, for workers to perform (apps/runs/tasks.py)."""

from __future__ import annotations

import uuid
from contextlib import suppress

from django.db import transaction
from django_q.tasks import async_task

from apps.runs.models import IllegalMove, Lane, Preflight, Run, leases


def perform_later(run: Run) -> None:
    """Puts a slice of a free lane of the run in the queue, in the caller's transaction."""
    ticket = leases.book(run)
    if ticket:
        enqueue(run.pk, ticket)


def enqueue(run_id: int, ticket: str) -> None:
    """Queues a slice of the lane that was booked with the ticket; a second task with it finds it used."""
    async_task("apps.runs.tasks.perform", run_id, ticket, cluster="runs")


def hand_on(run_id: int, lease: str) -> None:
    """Queues the next slice of the lane, behind those of other runs."""
    ticket = uuid.uuid4().hex
    with transaction.atomic():
        if leases.exchange(run_id, lease, ticket):
            enqueue(run_id, ticket)


def wake(run_id: int) -> None:
    """Queues a slice for another lane of the run."""
    with transaction.atomic():
        perform_later(Run.objects.get(pk=run_id))


def requeue(run: Run, *, says: str) -> None:
    """Puts a paused run in the queue again, unless it is not paused any more."""
    with suppress(IllegalMove), transaction.atomic():  # it was resumed meanwhile
        run.requeue(says)
        perform_later(run)


def perform_again(lane: Lane) -> None:
    """Queues another task with the same ticket; of two that wait, the first one takes the lane."""
    with transaction.atomic():
        if leases.renew_expired(lane):
            enqueue(lane.run_id, lane.lease)


def preflight_later(report: Preflight) -> None:
    """Asks a worker to perform it: a page never asks the warehouse, and never calls anything."""
    async_task("apps.runs.tasks.preflight", report.pk, cluster="main")
