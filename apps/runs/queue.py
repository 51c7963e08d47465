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
    """The ticket makes the task the only one: tasks with the same that wait elsewhere find it used."""
    async_task("apps.runs.tasks.perform", run_id, ticket, cluster="runs")


def hand_on(run_id: int, lease: str) -> None:
    """The lane's next slice waits its turn behind the slices of other runs."""
    ticket = uuid.uuid4().hex
    with transaction.atomic():
        if leases.exchange(run_id, lease, ticket):
            enqueue(run_id, ticket)


def wake(run_id: int) -> None:
    """Another lane of the run has something to do."""
    with transaction.atomic():
        perform_later(Run.objects.get(pk=run_id))


def requeue(run: Run, *, says: str) -> None:
    """Puts a paused run in the queue again, unless it is not paused any more."""
    with suppress(IllegalMove), transaction.atomic():  # somebody was quicker
        run.requeue(says)
        perform_later(run)


def perform_again(lane: Lane) -> None:
    """Another task with the same ticket: one that still waits in the queue stays good, whichever comes first."""
    with transaction.atomic():
        if leases.renew_expired(lane):
            enqueue(lane.run_id, lane.lease)


def preflight_later(report: Preflight) -> None:
    """Asks a worker to perform it: a page never asks the warehouse, and never calls anything."""
    async_task("apps.runs.tasks.preflight", report.pk, cluster="main")
