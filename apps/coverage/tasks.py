"""Scans in the queue, on demand and every quarter of an hour, and verifications."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django_q.models import Schedule
from django_q.tasks import async_task

from apps.coverage import accepting, scanning, verification
from apps.coverage.models import Scan, Verification
from apps.pipeline import definition
from apps.pipeline.definition import Pipeline
from apps.pipeline.scope import Scope

MINUTES_BETWEEN_SCANS = 15
LONGEST_SCAN = dt.timedelta(minutes=20)  # the cluster ends a task after 15


def scan_later(*, by: Any = None) -> Scan:
    """Asks a worker to scan; a scan that already waits in the queue serves this person too."""
    try:
        with transaction.atomic():
            scan = Scan.objects.create(requested_by=by)
            async_task("apps.coverage.tasks.scan", scan.pk, cluster="main")
            return scan
    except IntegrityError:
        return Scan.objects.get(status=Scan.Status.QUEUED)


def scan(scan_id: int) -> None:
    pipeline = definition.current()
    scanning.scan(pipeline, scanning.open_warehouse(pipeline), Scan.objects.get(pk=scan_id))


def scan_by_schedule() -> None:
    give_up_dead_scans(timezone.now())
    give_up_dead_verifications(timezone.now())
    accepting.expire(today=definition.current().today(timezone.now()))
    scan_later()


def give_up_dead_scans(now: dt.datetime) -> None:
    """A scan whose worker died would be under way for ever; one whose task was lost would keep the next waiting."""
    late = now - LONGEST_SCAN
    Scan.objects.filter(status=Scan.Status.RUNNING, started_at__lt=late).update(
        status=Scan.Status.FAILED,
        finished_at=now,
        problem="The worker died before it had asked about everything.",
    )
    Scan.objects.filter(status=Scan.Status.QUEUED, requested_at__lt=late).update(
        status=Scan.Status.FAILED, finished_at=now, problem="No worker took it."
    )


def verify_later(pipeline: Pipeline, wanted: Scope, *, by: str) -> Verification:
    """Asks a worker to verify."""
    with transaction.atomic():
        requested = verification.request(pipeline, wanted, by=by)
        async_task("apps.coverage.tasks.verify", requested.pk, cluster="main")
    return requested


def verify(verification_id: int) -> None:
    pipeline = definition.current()
    wanted = Verification.objects.get(pk=verification_id)
    verification.perform(pipeline, scanning.open_warehouse(pipeline), wanted)


def give_up_dead_verifications(now: dt.datetime) -> None:
    """As for scans: one that nobody works at any more would be under way for ever."""
    late = now - LONGEST_SCAN
    unfinished = Verification.objects.filter(finished_at=None)
    for each in unfinished.filter(started_at__lt=late):
        verification.give_up(each, "The worker died before it had asked about everything. Verify again.")
    for each in unfinished.filter(started_at=None, requested_at__lt=late):
        verification.give_up(each, "No worker took it. Verify again.")


def ensure_schedule() -> None:
    Schedule.objects.update_or_create(
        name="scan the warehouse",
        defaults={
            "func": "apps.coverage.tasks.scan_by_schedule",
            "schedule_type": Schedule.MINUTES,
            "minutes": MINUTES_BETWEEN_SCANS,
            "repeats": -1,
            "cluster": "main",
        },
    )
