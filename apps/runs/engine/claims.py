"""The next steps of a run become an attempt, or are decided without one: all in one transaction."""

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
from apps.runs.engine import cancellation, picking
from apps.runs.engine.lane_context import Hold
from apps.runs.engine.picking import Pick, Rest, Skip, Take
from apps.runs.engine.recovery import release_steps
from apps.runs.failures import signatures
from apps.runs.models import Attempt, Run, Step
from apps.runs.results import outcomes

Status = Step.Status


def claim(hold: Hold, *, unreadable: Collection[Key] = ()) -> tuple[Take, Attempt] | Pick:
    """Takes the next steps with the attempt that is about to be made; or why no step can be taken now.

    `unreadable` are inputs that the warehouse was asked about in vain.
    """
    while True:
        with hold.fenced():
            if Run.objects.filter(pk=hold.run.pk).exclude(request=Run.Request.NONE).exists():
                return Rest()
            found = picking.pick(hold.pipeline, hold.run, unreadable=unreadable)
            if isinstance(found, Take):
                return found, take(hold, found)
            if not isinstance(found, Skip):
                return found
            skip(hold, found)


def take(hold: Hold, found: Take) -> Attempt:
    table, steps = found.table, found.steps
    attempt = new_attempt(hold, table, [step.date for step in steps])
    for step in steps:
        step.status, step.attempt = Status.RUNNING, attempt
        step.attempts += 1  # before it is performed: one that takes its worker with it has to count
        step.is_overridden = step.date in found.overridden
    Step.store(steps, ["status", "attempt", "attempts", "is_overridden"])
    set_activity(table.name, [step.date for step in steps], Partition.Activity.RUNNING, run_id=hold.run.pk)
    return attempt


def new_attempt(hold: Hold, table: Table, dates: list[dt.date]) -> Attempt:
    """The call as it will be made, with its secrets masked."""
    assert table.job
    number = (hold.run.attempts.aggregate(last=Max("number"))["last"] or 0) + 1
    call = jobs.prepare(hold.pipeline, table.job, dates, run=hold.run.pk, attempt=number)
    attempt = hold.run.attempts.create(
        number=number,
        table=table.name,
        dates=[str(date) for date in dates],
        lease=hold.keeper.lease,
        worker=settings.WORKER_NAME,
        argv=list(call.shown_argv),
        cwd=str(call.cwd),
        commit=commits.head(call.cwd),
        environment=call.shown_environment,
        log_key=uuid.uuid4().hex[:12],
    )
    commits.note_change(attempt, hold.pipeline.folder)
    return attempt


def skip(hold: Hold, found: Skip) -> None:
    """Decides steps without a call; each has its reason."""
    dates = [step.date for step in found.reasons]
    for step, reason in found.reasons.items():
        step.status, step.message, step.finished_at = Status.SKIPPED, reason, timezone.now()
        step.signature = signatures.signature(reason)
    fields = ["status", "message", "signature", "finished_at"]
    Step.store(list(found.reasons), fields)
    set_activity(found.table, dates, Partition.Activity.NONE, run_id=None)
    cancellation.restore_failures(found.table, dates)
    outcomes.record_table_end(hold.run, found.table)


def undo(attempt: Attempt) -> None:
    """The job was not called after all: there was no attempt."""
    release_steps(attempt)
    attempt.delete()
