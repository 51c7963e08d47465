"""Starts, pauses and ends a run from one of its lanes: the last lane to be released applies the request."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.utils import timezone
from django.utils.text import capfirst

from apps import timing
from apps.coverage.counts import rollup
from apps.coverage.models import Partition, TableReading
from apps.coverage.scanning import unreadable
from apps.pipeline import definition
from apps.runs.dependencies import blocked_steps, gates, inputs
from apps.runs.dependencies.gates import Key
from apps.runs.dependencies.inputs import Gap
from apps.runs.engine import regressions, unfillable, waiting
from apps.runs.engine.lane_context import LaneContext
from apps.runs.engine.picking import CannotRead, Gate, NoWork, Pick, WaitForRun
from apps.runs.models import Attempt, Run, Step, leases
from apps.runs.results import discrepancies, made_stale, outcomes
from apps.warehouse.base import InUse, OverQuota, StillAtWork, WarehouseError


def begin(lane: LaneContext) -> None:
    """Starts or continues the run, unless another lane did."""
    with lane.transaction():
        run = lane.run
        run.refresh_from_db()
        if run.status != Run.Status.QUEUED:
            return
        if run.started_at:
            run.start_again()
        else:  # what was filled while it waited in the queue is not its own progress
            run.start(coverage_before=rollup.snapshot(lane.pipeline))


def handle_no_work(lane: LaneContext, why: Pick) -> None:
    """Ends, pauses or releases the lane when no step can be taken."""
    match why:
        case NoWork.DONE:
            finish(lane)
        case NoWork.CANARY_DONE:
            pause(lane, Run.PauseReason.CANARY, canary_in_words(lane.run))
        case NoWork.OFF_CALENDAR:
            pause(lane, Run.PauseReason.PIPELINE, unfillable.off_calendar_in_a_sentence(lane.run))
        case NoWork.PAUSE_REQUESTED:
            release_lane(lane)
        case Gate(phase):
            pause(lane, Run.PauseReason.GATE, gate_in_words(lane, phase))
        case CannotRead(keys):
            wait(lane, Run.PauseReason.WAREHOUSE, unread_in_words(keys))
        case WaitForRun():
            wait(lane, Run.PauseReason.RUN, why.in_words())


def gate_in_words(lane: LaneContext, phase: str) -> str:
    needs = gates.readiness(lane.pipeline, lane.run, phase)
    short = [
        f"{definition.short_name(need.table)} {need.found} of {need.needed}"
        for need in needs
        if not need.is_met
    ]
    says = f"{lane.pipeline.phase(phase).label} starts by hand"
    blocked = blocked_steps.of_run(lane.pipeline, lane.run)
    if blocked.steps and not lane.run.override_reason:
        says = f"{says}; {blocked.of(lane.run.steps.unfinished().count())}"
    return f"{says}; not complete for its dates and lookback: {', '.join(short)}" if short else says


def unread_in_words(keys: Sequence[Key]) -> str:
    """ "base could not be read on 2024-01-05 and 2 more, and steps read it: ..."."""
    table, _ = keys[0]
    dates = [date for name, date in keys if name == table]
    of_date = Partition.objects.filter(table=table, date=dates[0]).values_list("reason", flat=True)
    of_table = TableReading.objects.filter(table=table).values_list("problem", flat=True)
    why = of_table.first() or of_date.first() or "the warehouse did not say why"
    says = inputs.sentence(table, [Gap(date, "could not be read") for date in dates])
    return f"{says}, and what is left reads it; asked again by itself: {why}"


def canary_in_words(run: Run) -> str:
    steps = run.steps.filter(is_canary=True)
    verified = steps.filter(status=Step.Status.SUCCEEDED).count()
    return f"Canary done: {verified:,} of {steps.count():,} steps verified; the others wait for a release"


def pause(lane: LaneContext, why: Run.PauseReason, message: str) -> None:
    """Pauses the run until an operator resumes it: no lane takes another step, and this one is released."""
    with lane.transaction():
        lane.run.request_pause(why, message)
    release_lane(lane)


def pause_for_failures(lane: LaneContext, message: str) -> bool:
    """Pauses the run, unless the message is empty or no step is left that a pause could save. True if it paused."""
    if not message or not lane.run.steps.unfinished().exists():
        return False
    pause(lane, Run.PauseReason.FAILURES, message)
    return True


def wait(lane: LaneContext, why: Run.PauseReason, message: str) -> None:
    """Pauses the run until it tries again by itself, each time for longer."""
    request_wait(lane, why, message)
    release_lane(lane)


def request_wait(
    lane: LaneContext, why: Run.PauseReason, message: str, *, until: dt.datetime | None = None
) -> None:
    """Requests a pause until then; by default with exponential backoff."""
    run = lane.run
    run.refresh_from_db(fields=["waits"])
    seconds = min(timing.SHORTEST_PAUSE * 2**run.waits, timing.LONGEST_PAUSE.total_seconds())
    with lane.transaction():
        run.request_pause(why, message, until=until or timezone.now() + dt.timedelta(seconds=seconds))


def request_wait_for_warehouse(lane: LaneContext, error: WarehouseError) -> None:
    """Requests a pause until the warehouse answers, or has quota again. No date has failed."""
    if isinstance(error, OverQuota):
        request_wait(lane, Run.PauseReason.QUOTA, str(error), until=error.until)
        return
    is_busy = isinstance(error, StillAtWork | InUse)
    says = capfirst(str(error)) if is_busy else f"The warehouse did not answer: {error}"
    until = None
    if isinstance(error, InUse):  # no outage: the turn is waited for in its queue, again and again
        until = timezone.now() + dt.timedelta(seconds=timing.SHORTEST_PAUSE)
    if unreadable.retry_reason(error) == TableReading.Awaited.WAREHOUSE:
        # What is stored of the tables is what was known last.
        unreadable.note_error((table.name for table in lane.pipeline.tables), error, at=timezone.now())
    request_wait(lane, Run.PauseReason.WAREHOUSE, says, until=until)


def release_lane(lane: LaneContext) -> None:
    """Releases the lane. The last lane to be released applies what was requested of the run."""
    with lane.transaction():
        lane.run.refresh_from_db()
        leases.release(lane.run.pk, lane.heartbeat.lease)
        under_way = lane.run.attempts.filter(status=Attempt.Status.RUNNING)
        if lane.run.request and not under_way.exists():
            lane.run.apply_request()
            made_stale.mark(lane.run, lane.pipeline)  # what reads from what this run wrote so far
    if not lane.run.is_active:
        waiting.resume_waiting_runs()


def finish(lane: LaneContext) -> None:
    """Ends a run of which every step is decided. It succeeded if all are verified, none is still stale, and no complete
    date lost rows."""
    run = lane.run
    with lane.transaction():
        made_stale.mark(run, lane.pipeline)  # what reads from what this run wrote
    after = rollup.snapshot(lane.pipeline)
    counts = outcomes.of_run(run)
    but = "; ".join(
        filter(None, (regressions.still_damaged_in_words(run), discrepancies.still_stale_in_words(run)))
    )
    if counts.verified == counts.total:
        status = Run.Status.FAILED if but else Run.Status.SUCCEEDED
        says = f"All {counts.total:,} steps verified{f', but {but}' if but else ''}"
    else:
        status = Run.Status.FAILED
        done = f"{counts.verified:,} of {counts.total:,} steps verified; {counts.why_not_verified}"
        says = f"{done}; {but}" if but else done
    with lane.transaction():
        run.finish(status, says, coverage_after=after)
    waiting.resume_waiting_runs()
