"""Recovers the calls of a dead worker: its process or orphaned job is ended, and its steps are pending again."""

from __future__ import annotations

import logging
import uuid
from collections import Counter
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from apps import timing
from apps.coverage.models import Partition, set_activity
from apps.runs.calls import processes
from apps.runs.engine import interrupted
from apps.runs.estimates import billing
from apps.runs.failures import signatures
from apps.runs.models import Attempt, Lane, Run, Step, leases
from apps.runs.models.attempt import AttemptQuerySet
from apps.runs.models.leases import LeaseLost
from apps.text import date_ranges
from apps.warehouse.base import Billing, StillAtWork, TakesTurns, Warehouse

log = logging.getLogger(__name__)

LOST_TIMES = 3  # a step that took its worker with it so often is failed, not tried for ever


def recover(run: Run, lease: str, warehouse: Warehouse) -> None:
    """Resets the calls of lanes whose lease has expired, and cancels orphaned scripts, also of other runs, that write
    what this run is to write.

    LeaseLost if the caller holds no lane itself. A WarehouseError if a script may still run there and the
    warehouse cannot be asked about it.
    """
    alive = Lane.objects.held(timezone.now()).filter(run=run).values("lease")
    for attempt in run.attempts.filter(status=Attempt.Status.RUNNING).exclude(lease__in=alive):
        if revoke_lease(run, attempt.lease):
            kill_and_reset(run, lease, attempt.pk, warehouse)
    to_write = run.steps.unfinished().values("table")
    cancel_orphaned_jobs(Attempt.objects.filter(Q(run=run) | Q(table__in=to_write)), warehouse)


def revoke_lease(run: Run, lease: str) -> bool:
    """Takes the lease from its worker, which cannot write any more if it wakes; False if it woke just before."""
    lane = Lane.objects.filter(run=run, lease=lease)
    lane.available(timezone.now()).update(lease=uuid.uuid4().hex, lease_until=None)
    return not lane.exists()


def kill_and_reset(run: Run, lease: str, attempt_id: int, warehouse: Warehouse) -> None:
    """Ends what is left of a call and makes its steps pending again.

    Its lease must have been revoked, so that its worker neither takes the end of the job for a failure nor starts one.
    """
    attempt = run.attempts.filter(pk=attempt_id, status=Attempt.Status.RUNNING).first()
    if attempt is None:
        return
    if attempt.is_sql and warehouse.end_sql(attempt.job_id):
        log.warning("run %s: ended job %s, which outlived its worker", run.pk, attempt.job_id)
    if attempt.is_sql:
        billing.store_billed_bytes(attempt, warehouse)
    if processes.end_orphan(attempt.pid, attempt.process, log=attempt.log_path):
        log.warning("run %s: ended attempt %s, which outlived its worker", run.pk, attempt.number)
    if isinstance(warehouse, TakesTurns):
        warehouse.end_turn(attempt.log_key)
    with transaction.atomic():
        if not leases.holds(run, lease):
            raise LeaseLost
        mark_attempt_lost(run, attempt)
    interrupted.read_again(attempt, warehouse)


def cancel_orphaned_jobs(attempts: AttemptQuerySet, warehouse: Warehouse) -> None:
    """Cancels those that are orphaned. A WarehouseError if one may still run."""
    for attempt in attempts.orphaned().select_related("run"):
        cancel_orphaned_job(attempt, warehouse)


def cancel_orphaned_job(attempt: Attempt, warehouse: Warehouse) -> None:
    """Ends its script, if that still runs, and writes down that it does not. A WarehouseError if it may."""
    script = f"The script of attempt {attempt.number}"
    says = f"{script} is not at work in the warehouse any more"
    try:
        if warehouse.end_sql(attempt.job_id):
            log.warning("run %s: ended job %s, of which nothing was heard", attempt.run_id, attempt.job_id)
            says = f"{script} was still at work in the warehouse, and is ended"
    except StillAtWork as error:
        raise StillAtWork(f"{script} of run {attempt.run_id} is still at work: {error}") from error
    billing.store_billed_bytes(attempt, warehouse)
    with transaction.atomic():
        if Attempt.objects.orphaned().filter(pk=attempt.pk).update(orphaned_at=None):
            attempt.run.record("orphaned job", says)


def may_be_orphaned(attempt: Attempt, warehouse: Warehouse) -> bool:
    """Whether a script of the attempt may go on without the console, in a warehouse that keeps jobs to bill them."""
    return attempt.is_sql and isinstance(warehouse, Billing)


def mark_attempt_lost(run: Run, attempt: Attempt) -> None:
    """Marks a running attempt as lost, so that its worker cannot decide it any more.

    If the worker was told to stop and was killed before it could say more, the attempt is stopped: no death counts.
    """
    if attempt.stopped_by:
        if reset_attempt(attempt, status=Attempt.Status.STOPPED):
            run.record("worker stopped", attempt.stopped_in_words)
        return
    if not reset_attempt(attempt, status=Attempt.Status.LOST):
        return
    run.record("lost", f"A worker died during attempt {attempt.number}; its dates are pending again")
    fail_poison_steps(run, attempt)


def reset_attempt(attempt: Attempt, *, status: Attempt.Status, **facts: Any) -> bool:
    """Makes the steps of a call pending again whose result is not known; it does not count against them.

    False if the attempt was decided before. To be called in a transaction."""
    mine = Attempt.objects.filter(pk=attempt.pk, status=Attempt.Status.RUNNING)
    if not mine.update(status=status, finished_at=timezone.now(), **facts):
        return False
    release_steps(attempt)
    interrupted.mark_dates_unknown(attempt)
    return True


def release_steps(attempt: Attempt) -> None:
    """Makes the undecided steps of the attempt pending again, as if it had not been made."""
    steps = attempt.steps.filter(status=Step.Status.RUNNING)
    dates = list(steps.values_list("date", flat=True))
    set_activity(attempt.table, dates, Partition.Activity.QUEUED, run_id=attempt.run_id)
    steps.update(status=Step.Status.PENDING, attempts=F("attempts") - 1)


def fail_poison_steps(run: Run, attempt: Attempt) -> None:
    """Fails steps whose workers died several times: they would do so for ever."""
    lost = run.attempts.filter(table=attempt.table, status=Attempt.Status.LOST)
    deaths = Counter(date for dates in lost.values_list("dates", flat=True) for date in dates)
    deadly = [date for date, times in deaths.items() if times >= LOST_TIMES]
    steps = run.steps.pending().filter(table=attempt.table, date__in=deadly)
    found = list(steps.values_list("date", "is_redo"))
    if not found:
        return
    dates = [date for date, _ in found]
    message = f"its worker died {LOST_TIMES} times while performing it"
    steps.update(
        status=Step.Status.FAILED,
        message=message,
        signature=signatures.signature(message),
        finished_at=timezone.now(),
    )
    for is_redo in (False, True):
        some = [date for date, redo in found if redo == is_redo]
        set_activity(attempt.table, some, Step.activity_left(Step.Status.FAILED, is_redo), run_id=run.pk)
    run.record("failed steps", f"{attempt.table} gave up on {date_ranges(dates)}: {message}")


def kill_orphaned_processes() -> None:
    """Ends what this machine still has of calls that another machine declared lost."""
    lately = timezone.now() - timing.RECENT_DEATHS
    stopped = Q(status=Attempt.Status.STOPPED) & ~Q(stopped_by="")
    lost = Attempt.objects.filter(Q(status=Attempt.Status.LOST) | stopped, finished_at__gt=lately)
    for attempt in lost.filter(process__startswith=processes.boot()).exclude(process=""):
        if processes.end_orphan(attempt.pid, attempt.process):
            log.warning("run %s: ended attempt %s, lost elsewhere", attempt.run_id, attempt.number)
