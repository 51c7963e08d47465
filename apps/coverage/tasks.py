"""Scans in the queue, on demand, every quarter of an hour and after an outage, and verifications."""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any

from django.db import transaction
from django.utils import timezone
from django_q.tasks import async_task

from apps import timing
from apps.coverage.accepted import accepting
from apps.coverage.models import Scan, Verification
from apps.coverage.scanning import full_scan, unreadable, warehouses
from apps.coverage.verification import verifier
from apps.pipeline import definition
from apps.pipeline.definition import Pipeline
from apps.pipeline.scope import Scope
from apps.warehouse.base import WarehouseError

log = logging.getLogger(__name__)


def scan_later(*, by: Any = None) -> Scan:
    """Asks a worker to scan; a scan that already waits in the queue serves this person too."""
    with transaction.atomic():
        scan, is_new = queued_scan(by=by)
        if is_new:
            async_task("apps.coverage.tasks.scan", scan.pk, cluster="main")
    return scan


def queued_scan(*, by: Any = None) -> tuple[Scan, bool]:
    """The scan that waits in the queue, else a new one without a task; and whether it is new."""
    return Scan.objects.get_or_create(status=Scan.Status.QUEUED, defaults={"requested_by": by})


def scan(scan_id: int) -> None:
    pipeline = definition.current()
    full_scan.scan(pipeline, warehouses.open_warehouse(pipeline), Scan.objects.get(pk=scan_id))


def scan_by_schedule() -> None:
    give_up_dead_scans(timezone.now())
    give_up_dead_verifications(timezone.now())
    accepting.expire(today=definition.current().today(timezone.now()))
    scan_later()


def look_again() -> None:
    """Scans at once where the warehouse, or the turn with its file, was missed at the last look and is there again.

    Both in one turn: else the next call of a run would begin in between, and a scan would never get its own.
    """
    if not unreadable.is_anything_awaited() or Scan.objects.filter(status=Scan.Status.RUNNING).exists():
        return
    pipeline = definition.current()
    warehouse = warehouses.open_warehouse(pipeline)
    try:
        with warehouses.turn_of_reader(warehouse, patience=timing.OUTAGE_CHECK_TURN):
            warehouse.check_connection()
            unreadable.note_answer()
            waiting, _ = queued_scan()
            full_scan.scan(pipeline, warehouse, waiting)
    except WarehouseError as error:
        log.info("the warehouse does not answer yet: %s", error)


def give_up_dead_scans(now: dt.datetime) -> None:
    """A scan whose worker died would be under way for ever; one whose task was lost would keep the next waiting."""
    late = now - timing.LONGEST_SCAN
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
        requested = verifier.request(pipeline, wanted, by=by)
        async_task("apps.coverage.tasks.verify", requested.pk, cluster="main")
    return requested


def verify(verification_id: int) -> None:
    pipeline = definition.current()
    wanted = Verification.objects.get(pk=verification_id)
    verifier.perform(pipeline, warehouses.open_warehouse(pipeline), wanted)


def give_up_dead_verifications(now: dt.datetime) -> None:
    """As for scans: one whose worker died would be under way for ever."""
    late = now - timing.LONGEST_SCAN
    unfinished = Verification.objects.filter(finished_at=None)
    for each in unfinished.filter(started_at__lt=late):
        verifier.give_up(each, "The worker died before it had asked about everything. Verify again.")
    for each in unfinished.filter(started_at=None, requested_at__lt=late):
        verifier.give_up(each, "No worker took it. Verify again.")
