"""How a run starts, rests and ends, seen from one of its lanes: the last lane to leave does what was asked."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence
from typing import Any

from django.utils import timezone

from apps.coverage.counts import rollup
from apps.coverage.models import Partition, TableReading
from apps.coverage.scanning import unreadable
from apps.runs.dependencies import blocked_steps, gates, inputs
from apps.runs.dependencies.gates import Key
from apps.runs.dependencies.inputs import Gap
from apps.runs.engine import cancellation, circuit_breaker, regressions, unfillable, waiting
from apps.runs.engine.lane_context import Hold
from apps.runs.engine.picking import CanaryDone, CannotRead, Done, Gate, OffCalendar, Pick, Rest, WaitForRun
from apps.runs.models import Attempt, Run, Step, leases
from apps.runs.models.run import LONGEST_WAIT
from apps.runs.results import discrepancies, made_stale, outcomes
from apps.warehouse.base import InUse, OverQuota, StillAtWork, WarehouseError

log = logging.getLogger(__name__)

SHORTEST_WAIT = 30  # seconds that a run rests before it tries again, twice as long each time


def begin(hold: Hold) -> None:
    """The run goes to work, for the first time or again, unless another lane was quicker."""
    with hold.fenced():
        run = hold.run
        run.refresh_from_db()
        if run.status != Run.Status.QUEUED:
            return
        if run.started_at:
            run.move(Run.Status.RUNNING, says="Going on")
        else:  # what was filled while it waited in the queue is not its own progress
            before = rollup.snapshot(hold.pipeline)
            run.move(Run.Status.RUNNING, says="Started", started_at=timezone.now(), coverage_before=before)


def stand_still(hold: Hold, why: Pick) -> None:
    """Does what is due when no step may be taken."""
    match why:
        case Done():
            finish(hold)
        case Gate(phase):
            rest(hold, gate_in_words(hold, phase), why=Run.Pause.GATE)
        case CannotRead(keys):
            wait(hold, unread_in_words(keys), why=Run.Pause.WAREHOUSE)
        case WaitForRun():
            wait(hold, why.in_words(), why=Run.Pause.RUN)
        case CanaryDone():
            rest(hold, canary_in_words(hold.run), why=Run.Pause.CANARY)
        case OffCalendar():
            rest(hold, unfillable.off_calendar_in_a_sentence(hold.run), why=Run.Pause.PIPELINE)
        case Rest():
            leave(hold)


def gate_in_words(hold: Hold, phase: str) -> str:
    needs = gates.readiness(hold.pipeline, hold.run, phase)
    short = [
        f"{need.table.rpartition('.')[2]} {need.found} of {need.needed}" for need in needs if not need.is_met
    ]
    says = f"{hold.pipeline.phase(phase).label} starts by hand"
    blocked = blocked_steps.of_run(hold.pipeline, hold.run)
    if blocked.steps and not hold.run.override_reason:
        says = f"{says}; {blocked.of(hold.run.steps.unfinished().count())}"
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


def rest(hold: Hold, says: str, *, why: Run.Pause, **facts: Any) -> None:
    """Rests for a reason of the run's own."""
    ask(hold, says, why=why, **facts)
    leave(hold)


def wait(hold: Hold, says: str, *, why: Run.Pause) -> None:
    """Rests until it can try again by itself, each time for longer."""
    ask_to_wait(hold, says, why=why)
    leave(hold)


def ask(hold: Hold, says: str, *, why: Run.Pause, **facts: Any) -> None:
    """Asks all lanes to rest, unless something was asked of the run already. From here on no step is taken."""
    with hold.fenced():
        Run.objects.filter(pk=hold.run.pk, request=Run.Request.NONE).update(
            request=Run.Request.PAUSE, pause=why, message=says, **facts
        )


def ask_to_wait(hold: Hold, says: str, *, why: Run.Pause, until: dt.datetime | None = None) -> None:
    """Asks all lanes to rest until then; else each time for longer."""
    run = hold.run
    run.refresh_from_db(fields=["waits"])
    seconds = min(SHORTEST_WAIT * 2**run.waits, LONGEST_WAIT.total_seconds())
    at = until or timezone.now() + dt.timedelta(seconds=seconds)
    ask(hold, says, why=why, again_at=at, waits=run.waits + 1)


def ask_without_warehouse(hold: Hold, error: WarehouseError) -> None:
    """The warehouse does not answer, or not before a quota is given anew: nobody's dates failed."""
    if isinstance(error, OverQuota):
        ask_to_wait(hold, str(error), why=Run.Pause.QUOTA, until=error.until)
    else:
        says, until = f"The warehouse did not answer: {error}", None
        if isinstance(error, StillAtWork | InUse):
            says = sentence(str(error))
        if isinstance(error, InUse):  # no outage: the turn is waited for in its queue, again and again
            until = timezone.now() + dt.timedelta(seconds=SHORTEST_WAIT)
        if (
            unreadable.awaited(error) == TableReading.Awaited.WAREHOUSE
        ):  # what is stored is what was known last
            unreadable.note_error((table.name for table in hold.pipeline.tables), error, at=timezone.now())
        ask_to_wait(hold, says, why=Run.Pause.WAREHOUSE, until=until)


def sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def leave(hold: Hold) -> None:
    """Gives the lane back. The last one to leave does what was asked of the run."""
    with hold.fenced():
        hold.run.refresh_from_db()
        leases.release(hold.run.pk, hold.keeper.lease)
        under_way = hold.run.attempts.filter(status=Attempt.Status.RUNNING)
        if hold.run.request and not under_way.exists():
            obey(hold.run)
            made_stale.mark(hold.run, hold.pipeline)  # what reads from what this run wrote so far
    if not hold.run.is_active:
        waiting.resume_waiting_runs()


def obey(run: Run) -> None:
    if run.request == Run.Request.CANCEL:
        cancellation.cancel_now(run)
        return
    run.move(
        Run.Status.PAUSED,
        says=run.message if run.pause else "Paused",
        pause=run.pause or Run.Pause.OPERATOR,
        again_at=run.again_at,
    )


def broke_off(hold: Hold, *, just_decided: int) -> bool:
    """Rests a run that only collects failures; True where it did."""
    says = circuit_breaker.why_stop(hold.run, just_decided=just_decided)
    if not says or not hold.run.steps.unfinished().exists():
        return False  # or nothing is left that stopping could save
    rest(hold, says, why=Run.Pause.FAILURES)
    return True


def pause_at_once(hold: Hold, says: str) -> bool:
    """Pauses a run whose call destroyed what was complete, whatever the breaker says; True where it did.

    `says` is empty where the call destroyed nothing. Where no step is left there is nothing to pause.
    """
    if not says or not hold.run.steps.unfinished().exists():
        return False
    rest(hold, says, why=Run.Pause.FAILURES)
    return True


def finish(hold: Hold) -> None:
    """Every step is decided: the run succeeded if every one is verified, none is as stale as before, and nothing that
    was complete was lost."""
    run = hold.run
    with hold.fenced():
        made_stale.mark(run, hold.pipeline)  # what reads from what this run wrote
    after = rollup.snapshot(hold.pipeline)
    counts = outcomes.of_run(run)
    but = "; ".join(
        filter(None, (regressions.still_damaged_in_words(run), discrepancies.still_stale_in_words(run)))
    )
    facts: dict[str, Any] = {"finished_at": timezone.now(), "coverage_after": after}
    with hold.fenced():
        if counts.verified == counts.total and but:
            run.move(Run.Status.FAILED, says=f"All {counts.total:,} steps verified, but {but}", **facts)
        elif counts.verified == counts.total:
            run.move(Run.Status.SUCCEEDED, says=f"All {counts.total:,} steps verified", **facts)
        else:
            says = f"{counts.verified:,} of {counts.total:,} steps verified; {counts.why_not_verified}"
            run.move(Run.Status.FAILED, says=f"{says}; {but}" if but else says, **facts)
    waiting.resume_waiting_runs()
