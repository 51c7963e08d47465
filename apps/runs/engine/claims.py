"""Claims the next steps of a run for an attempt, or decides them without one, in one transaction."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection

from django.conf import settings
from django.db.models import Max
from django.utils import timezone

from apps.coverage.models import Partition, set_activity
from apps.pipeline.sections import Table
from apps.runs.calls import commits, jobs
from apps.runs.dependencies.gates import Key
from apps.runs.engine import picking
from apps.runs.engine.lane_context import LaneContext
from apps.runs.engine.picking import NoWork, Pick, Skip, Take
from apps.runs.engine.recovery import release_steps
from apps.runs.failures import signatures
from apps.runs.models import Attempt, Run, Step
from apps.runs.results import outcomes

Status = Step.Status


def claim(lane: LaneContext, *, unreadable_inputs: Collection[Key] = ()) -> tuple[Take, Attempt] | Pick:
    """Takes the next steps with the attempt that is about to be made; or why no step can be taken now.

    `unreadable_inputs` are those that the warehouse could not read when it was asked.
    """
    while True:
        with lane.transaction():
            if Run.objects.filter(pk=lane.run.pk).exclude(request=Run.Request.NONE).exists():
                return NoWork.PAUSE_REQUESTED
            found = picking.pick(lane.pipeline, lane.run, unreadable_inputs=unreadable_inputs)
            if isinstance(found, Take):
                return found, take(lane, found)
            if not isinstance(found, Skip):
                return found
            skip(lane, found)


def take(lane: LaneContext, found: Take) -> Attempt:
    table, steps = found.table, found.steps
    attempt = new_attempt(lane, table, [step.date for step in steps])
    for step in steps:
        step.status, step.attempt = Status.RUNNING, attempt
        step.attempts += 1  # before it is performed: one that takes its worker with it has to count
        step.is_overridden = step.date in found.overridden
    Step.store(steps, ["status", "attempt", "attempts", "is_overridden"])
    set_activity(table.name, [step.date for step in steps], Partition.Activity.RUNNING, run_id=lane.run.pk)
    return attempt


def new_attempt(lane: LaneContext, table: Table, dates: list[dt.date]) -> Attempt:
    """A new attempt that shows the call as it will be made, with its secrets masked."""
    assert table.job
    number = (lane.run.attempts.aggregate(last=Max("number"))["last"] or 0) + 1
    call = jobs.prepare(lane.pipeline, table.job, dates, run=lane.run.pk, attempt=number)
    attempt = lane.run.attempts.create(
        number=number,
        table=table.name,
        dates=[str(date) for date in dates],
        lease=lane.heartbeat.lease,
        worker=settings.WORKER_NAME,
        argv=list(call.shown_argv),
        cwd=str(call.cwd),
        commit=commits.head(call.cwd),
        environment=call.shown_environment,
        log_key=uuid.uuid4().hex[:12],
    )
    commits.record_change(attempt, lane.pipeline.folder)
    return attempt


def skip(lane: LaneContext, found: Skip) -> None:
    """Decides steps without a call; each has its reason."""
    dates = [step.date for step in found.reasons]
    for step, reason in found.reasons.items():
        step.status, step.message, step.finished_at = Status.SKIPPED, reason, timezone.now()
        step.signature = signatures.signature(reason)
    fields = ["status", "message", "signature", "finished_at"]
    Step.store(list(found.reasons), fields)
    set_activity(found.table, dates, Partition.Activity.NONE, run_id=None)
    Step.objects.restore_failures(found.table, dates)
    outcomes.record_table_end(lane.run, found.table)


def delete_attempt(attempt: Attempt) -> None:
    """Deletes the attempt of a job that was not called after all."""
    release_steps(attempt)
    attempt.delete()
