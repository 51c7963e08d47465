"""What workers perform from the queue: a slice of a run's lane, a pre-flight, and what keeps runs alive."""

from __future__ import annotations

import logging
import time

from django.utils import timezone

from apps import timing
from apps.coverage.models import Scan
from apps.coverage.scanning import warehouses
from apps.db_retry import DB_OUTAGE, retry_on_db_outage
from apps.pipeline import definition
from apps.runs import queue
from apps.runs.engine import recovery, runner, waiting
from apps.runs.models import Attempt, Preflight, Run, leases
from apps.runs.models.attempt import AttemptQuerySet
from apps.runs.preflight import reports
from apps.warehouse.base import StillAtWork, WarehouseError
from apps.workers import stopping
from apps.workers.heartbeat import doing

log = logging.getLogger(__name__)

BROKE_OFF = "broke off"  # the kind of event


def perform(run_id: int, ticket: str) -> None:
    if stopping.stop_requested():  # the next worker begins
        queue.enqueue(run_id, ticket)
        return
    lease = retry_on_db_outage(lambda: leases.take(run_id, ticket=ticket))
    if lease is None:
        return
    try:
        with doing(f"run {run_id}"):
            more = runner.perform(
                run_id,
                definition.current(),
                lease=lease,
                until=time.monotonic() + timing.SLICE,
                wake=lambda: queue.wake(run_id),
            )
    except DB_OUTAGE:  # it cannot be recorded
        raise
    except Exception as error:  # for the queue and the timeline
        record_error(error, run_id)
        raise
    # A worker that is to stop hands its lane on at once.
    goes_on = more or stopping.stop_requested()
    retry_on_db_outage(lambda: queue.hand_on(run_id, lease) if goes_on else leases.release(run_id, lease))


def record_error(error: Exception, run_id: int) -> None:
    """Records the error in the timeline, once for as long as it stays the same."""
    why = str(error) if isinstance(error, definition.PipelineError) else f"{type(error).__name__}: {error}"
    says = f"A worker could not go on, and another will try again: {why}"
    run = Run.objects.get(pk=run_id)
    newest = run.events.first()
    if newest is None or newest.text != says:
        run.record(BROKE_OFF, says)


def revive() -> None:
    """Queues runs again whose lease has expired, and paused ones that are due again."""
    now = timezone.now()
    for lane in leases.expired(now):
        queue.perform_again(lane)
    for run in leases.runs_without_lease(now):
        queue.wake(run.pk)
    for run in Run.objects.due_again(now):
        queue.requeue(run, says="Trying again")
    for run in Run.objects.filter(status=Run.Status.PAUSED, pause_reason=Run.PauseReason.WAREHOUSE):
        if warehouse_answers_again(run):
            queue.requeue(run, says="Resumed: the warehouse answers again")
    waiting.resume_waiting_runs()


def warehouse_answers_again(run: Run) -> bool:
    """Whether a scan that began after the run paused read the warehouse."""
    paused = run.events.filter(kind=Run.Status.PAUSED).first()
    read = Scan.objects.filter(status=Scan.Status.SUCCEEDED)
    return paused is not None and read.filter(started_at__gt=paused.at).exists()


# Orphaned scripts ---------------------------------------------------------------------------------


def cancel_orphaned_jobs() -> None:
    """Cancels the orphaned scripts of runs that are not active, each once in a while until it is over."""
    due = (
        orphaned_attempts()
        .filter(orphaned_at__lt=timezone.now() - timing.ORPHANS_CANCELLED_EVERY)
        .order_by("orphaned_at")
    )
    for attempt in due.select_related("run"):
        mine = Attempt.objects.filter(pk=attempt.pk, orphaned_at=attempt.orphaned_at)
        if mine.update(orphaned_at=timezone.now()) and not try_to_cancel(attempt):
            return


def try_to_cancel(attempt: Attempt) -> bool:
    """Tries to cancel it; False if the warehouse cannot be asked about any script now."""
    try:
        with doing(f"the script of attempt {attempt.number} of run {attempt.run_id}"):
            recovery.cancel_orphaned_job(attempt, warehouses.open_warehouse(definition.current()))
    except WarehouseError as error:
        log.warning("run %s: a script may still run in the warehouse: %s", attempt.run_id, error)
        return isinstance(error, StillAtWork)
    return True


def orphaned_attempts() -> AttemptQuerySet:
    """Orphaned attempts of runs that are not active."""
    return Attempt.objects.orphaned().exclude(run__in=Run.objects.active())


# Pre-flights --------------------------------------------------------------------------------------


def preflight(report_id: int) -> None:
    pipeline = definition.current()
    with doing(f"pre-flight {report_id}"):
        reports.perform(Preflight.objects.get(pk=report_id), pipeline, warehouses.open_warehouse(pipeline))
