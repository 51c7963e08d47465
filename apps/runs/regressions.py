"""What was complete and lost rows while a run was at work: its verified steps fail, its timeline says which call."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence

from django.utils import timezone

from apps.coverage import scanning
from apps.coverage.dates import in_words
from apps.coverage.looks import Look
from apps.coverage.models import Partition, set_activity
from apps.coverage.scanning import Found
from apps.runs import failures, side_effects
from apps.runs.holding import Hold
from apps.runs.models import Attempt, Run, Step
from apps.runs.side_effects import Change, SideEffects
from apps.warehouse.base import EMPTY

LOST = "regression"  # the kind of event; its data name the table and the dates
WROTE_BESIDE = "wrote beside"
REMEDY = "Mend the job before you resume the run"
Complete = Mapping[dt.date, tuple[int, int, dt.datetime]]
MARKED = ["status", "message", "signature", "rows_after", "keys_after", "state_after", "finished_at"]


def record(hold: Hold, attempt: Attempt, effects: SideEffects) -> None:
    """Stores what the call did beside its own dates. Call it in the transaction that decides the call's steps."""
    if not effects.changes:
        return
    known = [each for each in effects.changes if hold.pipeline.season_of(each.date)]
    scanning.remember(each.before for each in known)
    scanning.remember(each.after for each in known)
    call = side_effects.call_in_words(attempt)
    if effects.appeared:
        hold.run.record(WROTE_BESIDE, f"In {call} {effects.appeared}")
    if effects.lost:
        record_loss(hold.run, attempt.table, effects.lost, during=call)
        fail_steps(hold.run, attempt.table, {each.date: each.after for each in effects.lost}, f"after {call}")


def record_loss(run: Run, table: str, lost: Sequence[Change], *, during: str) -> None:
    """A line in the timeline, which a page and the end of the run read as data."""
    were = "was" if len(lost) == 1 else "were"
    says = f"{side_effects.losses_in_words(table, lost)} that {were} complete, in {during}"
    run.record(LOST, says, data={"table": table, "dates": [str(each.date) for each in lost]})


def fail_steps(run: Run, table: str, found: Mapping[dt.date, Found], since: str) -> list[dt.date]:
    """Verified steps that do not hold any more have failed; answers of which dates."""
    steps = list(run.steps.filter(table=table, date__in=found, status=Step.Status.SUCCEEDED))
    for step in steps:
        each = found[step.date]
        mark_failed(step, each, side_effects.loss_of_step(step, each, since))
    save(run, steps)
    return [step.date for step in steps]


def mark_failed(step: Step, found: Found, message: str) -> None:
    step.status, step.message = Step.Status.FAILED, message
    step.signature = failures.signature(message)
    step.rows_after, step.state_after = found.rows, str(found.verdict.state)
    step.keys_after = found.keys
    step.finished_at = timezone.now()


def save(run: Run, steps: Sequence[Step]) -> None:
    """Stores steps that were verified and have failed, and tells their partitions."""
    Step.store(steps, MARKED)
    for table in {step.table for step in steps}:
        dates = [step.date for step in steps if step.table == table]
        set_activity(table, dates, Partition.Activity.FAILED, run_id=run.pk)


def why_pause(attempt: Attempt, changes: Iterable[Change]) -> str:
    """What to say of a call after which complete dates are not complete any more; empty where there are none."""
    lost = sorted((each for each in changes if each.is_destroyed), key=lambda each: each.date)
    if not lost:
        return ""
    call = side_effects.call_in_words(attempt)
    what = side_effects.losses_in_words(attempt.table, lost)
    return f"{call[:1].upper()}{call[1:]} destroyed what was complete: {what}. {REMEDY}"


# Losses that no call of the run explains ------------------------------------------------------------


def note_losses(hold: Hold, attempt: Attempt, look: Look, known: Complete, *, since: str) -> None:
    """Stores what the whole table lost since it was read last: before a call, so that it is not put down to that, or
    after one that was cut off.

    `known` is what was complete when the look began. What another lane filled or began meanwhile is not compared.
    Steps that the run verified there have failed. Nothing where only some dates of the table were counted.
    """
    counts = look.counts(attempt.table)
    if counts is None:
        return
    fewer = [
        date
        for date, (rows, keys, _) in known.items()
        if (now := counts.get(date, EMPTY)).rows < rows or (now.keys is not None and now.keys < keys)
    ]
    if not fewer:
        return
    still = complete_dates(attempt.table)
    fewer = [date for date in fewer if still.get(date) == known[date]]
    if not fewer:
        return
    found = look.judged(hold.pipeline, attempt.table, fewer)
    with hold.fenced():
        scanning.remember(found.values())
        fail_steps(hold.run, attempt.table, found, f"{since} {side_effects.call_in_words(attempt)}")
        if since == "after":
            others = [date for date in fewer if date not in attempt.date_list]
            record_late_loss(hold.run, attempt.table, others)


def complete_dates(table: str) -> Complete:
    """The dates that are complete as far as is known and that no call is at: their rows, different keys, and when
    they were read.
    """
    rows = Partition.objects.of([table]).filter(state__in=(Partition.State.COMPLETE, Partition.State.STALE))
    idle = rows.exclude(rows=None).exclude(activity=Partition.Activity.RUNNING)
    counted = idle.order_by().values_list("date", "rows", "keys", "read_at")
    return {date: (rows or 0, keys or 0, read_at) for date, rows, keys, read_at in counted}


def record_late_loss(run: Run, table: str, dates: Sequence[dt.date]) -> None:
    """A line in the timeline for complete dates that lost rows while the run was at work, not in a decided call."""
    if not dates:
        return
    on = in_words(dates, most=side_effects.RANGES_SHOWN)
    says = f"{table.rpartition('.')[2]} lost rows while the run was at work, on complete dates: {on}"
    run.record(LOST, says, data={"table": table, "dates": [str(date) for date in dates]})


def still_lost_in_words(run: Run) -> str:
    """ "rows were lost on complete dates that were not asked for: sales 2024-01-15"; empty where none are lost now.

    Dates that are steps of the run are not named: they are verified or failed.
    """
    said = []
    for table, dates in lost_by_table(run).items():
        lost = Partition.objects.regressions().of([table]).filter(date__in=dates)
        gone = set(lost.values_list("date", flat=True))
        gone -= set(run.steps.filter(table=table, date__in=gone).values_list("date", flat=True))
        if gone:
            said.append(f"{table.rpartition('.')[2]} {in_words(gone, most=side_effects.RANGES_SHOWN)}")
    return f"rows were lost on complete dates that were not asked for: {', '.join(said)}" if said else ""


def lost_by_table(run: Run) -> dict[str, set[dt.date]]:
    """The dates that lost rows while the run was at work, as its timeline has them."""
    found: dict[str, set[dt.date]] = {}
    for data in run.events.filter(kind=LOST).values_list("data", flat=True):
        found.setdefault(data["table"], set()).update(map(dt.date.fromisoformat, data["dates"]))
    return found
