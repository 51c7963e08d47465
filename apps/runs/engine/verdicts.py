"""The verdict on a step: the rows decide; the exit status and the log only give the reason.

The retry policy of steps is here too: a date that failed is tried again alone, as often as its job's `attempts` say.
"""

from __future__ import annotations

import datetime as dt

from django.utils import timezone

from apps import masking
from apps.coverage.models import Partition
from apps.coverage.scanning.judging import Found
from apps.pipeline.sections import Job
from apps.runs.calls.jobs import Outcome
from apps.runs.failures import signatures
from apps.runs.models import Attempt, Step

Status = Step.Status


def apply_verdict(
    step: Step,
    before: Found,
    found: Found,
    said: str,
    outcome: Outcome,
    job: Job,
    *,
    side_effects: str = "",
    stale_reason: str = "",
) -> None:
    """Writes into the step what the data says of it, without saving it.

    `side_effects` says what the call did on dates that it was not asked for, `stale_reason` why the date was stale
    before it.
    """
    if step.attempts <= 1:  # what an attempt of this run left is not what the run found
        note_before(step, before)
    note_after(step, found)
    step.is_redo = step.is_redo or before.is_complete
    step.finished_at = timezone.now()
    lost = lost_rows(before, found)
    unwritten = not_written(before, found, stale_reason) if outcome.is_clean and not said else ""
    if (
        found.is_complete
        and not (lost or unwritten)
        and ((outcome.is_clean and not said) or changed(before, found))
    ):
        step.status, step.message, step.signature = Status.SUCCEEDED, "", ""
        return
    said_or_seen = (
        lost or unwritten or why(found, said, outcome, job, side_effects or earlier_side_effects(step))
    )
    step.message = masking.text(said_or_seen)  # before its signature is made of it
    step.signature = signatures.signature(step.message)
    is_final = lost or outcome.refused or step.attempts >= job.attempts
    step.status = Status.FAILED if is_final else Status.PENDING


def verified_without_a_call(step: Step, found: Found) -> None:
    """Verifies a step whose date was filled meanwhile, by a worker that died or outside the run, without saving it."""
    note_before(step, found)
    note_after(step, found)
    step.status, step.message, step.signature = Status.SUCCEEDED, "", ""
    step.attempt, step.attempts = None, step.attempts - 1
    step.finished_at = timezone.now()


def try_again_in_halves(steps: list[Step]) -> None:
    """Makes dates pending again that a call of several did not reach in its time: the next calls are smaller."""
    for step in steps:
        if step.status != Status.SUCCEEDED:
            step.status, step.attempts = Status.PENDING, step.attempts - 1


def note_before(step: Step, found: Found) -> None:
    step.rows_before = found.rows
    if found.count:
        step.keys_before, step.written_before = found.count.keys, found.count.written_at


def note_after(step: Step, found: Found) -> None:
    step.rows_after, step.state_after = found.rows, str(found.verdict.state)
    if found.count:
        step.keys_after, step.written_after = found.count.keys, found.count.written_at


# The fields that a verdict changes.
FIELDS = [
    "status",
    "attempt",
    "attempts",
    "message",
    "signature",
    "rows_before",
    "rows_after",
    "keys_before",
    "keys_after",
    "written_before",
    "written_after",
    "state_after",
    "is_redo",
    "seconds",
    "finished_at",
]


def changed(before: Found, found: Found) -> bool:
    """Whether the call changed the date. Only then is a date verified after a call that failed."""
    return not before.is_complete or before.count != found.count


def lost_rows(before: Found, found: Found) -> str:
    """The message for a date that was complete and has fewer rows or keys after the call; empty if it has not."""
    if not (before.is_complete and before.count and found.count):
        return ""
    if found.count.rows < before.count.rows:
        return f"regression: {before.count.rows:,} rows before the call, {found.count.rows:,} after it"
    if (found.count.keys or 0) < (before.count.keys or 0):
        return f"regression: {before.count.keys:,} different keys before the call, {found.count.keys or 0:,} after it"
    return ""


def not_written(before: Found, found: Found, stale_reason: str) -> str:
    """The message for a complete date that was to be done again and was not written, by the time at which its rows were
    written; empty if it was, or that time is not known."""
    if not (before.is_complete and before.count and found.count and before.count.written_at):
        return ""
    if before.count.written_at != found.count.written_at or before.count.rows != found.count.rows:
        return ""
    if stale_reason:
        return f"as old as before; {stale_reason}"
    at = before.count.written_at.astimezone(dt.UTC)
    return f"nothing was written: its rows are those of {at:%Y-%m-%d %H:%M} UTC, as before the call"


def earlier_side_effects(step: Step) -> str:
    """The side effects that the message of an earlier attempt names: a call that writes the same again adds no row."""
    begins = nothing_there(step.date)
    return step.message.removeprefix(begins) if step.message.startswith(begins) else ""


def nothing_there(date: dt.date) -> str:
    return f"no rows on {date}; "


def why(found: Found, said: str, outcome: Outcome, job: Job, side_effects: str) -> str:
    """Why a step is not verified: the error of the call, else that of its log, else what was counted."""
    if outcome.refused:
        again = "not tried again by itself; retry it once that is mended"
        return f"{outcome.error.rstrip('.')} ({outcome.refused}): {again}"
    if outcome.error and not said:
        return outcome.error
    if outcome.timed_out:
        return f"timed out: the call took longer than {job.timeout} s"
    if said:
        return said
    opinion = f"the job ended with exit status {outcome.exit_status}"
    if found.verdict.state == Partition.State.MISSING and side_effects:
        return f"{nothing_there(found.date)}{side_effects}"
    if found.verdict.state == Partition.State.MISSING:
        return f"{opinion}, but wrote no rows"
    if found.is_complete:
        return f"{opinion}, and the date is as it was before"
    return f"{found.verdict.state}: {found.verdict.reason or opinion}"


def attempt_status(outcome: Outcome) -> Attempt.Status:
    """How the attempt ended."""
    if outcome.timed_out:
        return Attempt.Status.TIMED_OUT
    return Attempt.Status.NOT_STARTED if outcome.exit_status is None else Attempt.Status.ENDED
