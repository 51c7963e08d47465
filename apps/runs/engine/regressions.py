"""What was complete and lost rows while a run was at work, or has too many since: verified steps of it fail, and the
timeline says which call it was."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence

from django.utils import timezone
from django.utils.text import capfirst

from apps.coverage.models import Partition, PartitionQuerySet, set_activity
from apps.coverage.scanning import readings
from apps.coverage.scanning.judging import Found
from apps.coverage.scanning.snapshots import Snapshot
from apps.grouping import by_key
from apps.pipeline import definition
from apps.runs.engine import side_effects
from apps.runs.engine.lane_context import LaneContext
from apps.runs.engine.side_effects import Change, SideEffects
from apps.runs.failures import signatures
from apps.runs.models import Attempt, Run, Step
from apps.text import date_ranges
from apps.warehouse.base import EMPTY, Count

LOST = "regression"  # the kind of event; its data name the table and the dates
SIDE_EFFECT = "wrote beside"
REMEDY = "Mend the job before you resume the run"
Had = tuple[int, int, dt.datetime]  # rows, different keys, when they were read
Complete = Mapping[dt.date, Had]
MARKED = [
    "status",
    "message",
    "signature",
    "rows_after",
    "keys_after",
    "state_after",
    "is_redo",
    "finished_at",
]


def record(lane: LaneContext, attempt: Attempt, effects: SideEffects) -> None:
    """Stores what the call did beside its own dates. Call it in the transaction that decides the call's steps."""
    if not effects.changes:
        return
    known = [each for each in effects.changes if lane.pipeline.season_of(each.date)]
    readings.store(each.before for each in known)
    readings.store(each.after for each in known)
    call = side_effects.call_in_words(attempt)
    if effects.appeared:
        lane.run.record(SIDE_EFFECT, f"In {call} {effects.appeared}")
    if damaged := effects.damaged:
        record_damage(lane.run, attempt.table, damaged, during=call)
        fail_steps(lane.run, attempt.table, {each.date: each.after for each in damaged}, f"after {call}")


def record_damage(run: Run, table: str, damaged: Sequence[Change], *, during: str) -> None:
    """A line in the timeline, which a page and the end of the run read as data."""
    were = "was" if len(damaged) == 1 else "were"
    says = f"{side_effects.damage_in_words(table, damaged)} that {were} complete, in {during}"
    run.record(LOST, says, data={"table": table, "dates": [str(each.date) for each in damaged]})


def fail_steps(run: Run, table: str, found: Mapping[dt.date, Found], since: str) -> list[dt.date]:
    """Fails verified steps whose dates do not hold any more; returns their dates."""
    steps = list(run.steps.filter(table=table, date__in=found, status=Step.Status.SUCCEEDED))
    for step in steps:
        each = found[step.date]
        mark_failed(step, each, side_effects.damage_of_step(step, each, since))
    save(run, steps)
    return [step.date for step in steps]


def mark_failed(step: Step, found: Found, message: str) -> None:
    step.status, step.message = Step.Status.FAILED, message
    step.signature = signatures.signature(message)
    step.rows_after, step.state_after = found.rows, str(found.verdict.state)
    step.keys_after = found.keys
    step.is_redo = step.is_redo or found.is_complete  # complete and failed: open until it is done again
    step.finished_at = timezone.now()


def save(run: Run, steps: Sequence[Step]) -> None:
    """Stores steps that were verified and have failed, and tells their partitions."""
    Step.store(steps, MARKED)
    dates = by_key(((step.table, step.is_redo), step.date) for step in steps)
    for (table, is_redo), some in dates.items():
        set_activity(table, some, Step.activity_left(Step.Status.FAILED, is_redo), run_id=run.pk)


def why_pause(attempt: Attempt, changes: Iterable[Change]) -> str:
    """What to say of a call after which complete dates are not complete any more, or have no row left; empty where
    there are none."""
    destroyed = sorted((each for each in changes if each.is_destroyed), key=lambda each: each.date)
    if not destroyed:
        return ""
    call = side_effects.call_in_words(attempt)
    what = side_effects.damage_in_words(attempt.table, destroyed)
    return f"{capfirst(call)} destroyed what was complete: {what}. {REMEDY}"


# Damage that no call of the run explains ------------------------------------------------------------


def note_damage(lane: LaneContext, attempt: Attempt, look: Snapshot, known: Complete, *, since: str) -> None:
    """Stores what became of complete dates of the whole table since it was read last: before a call, so that it is not
    put down to that, or after one that was cut off.

    `known` is what was complete when the look began. What another lane filled or began meanwhile is not compared.
    Steps that the run verified there have failed. Nothing if only some dates of the table were counted.
    """
    counts = look.counts(attempt.table)
    if counts is None:
        return
    others = [date for date, had in known.items() if differs(counts.get(date, EMPTY), had)]
    still = complete_dates(attempt.table) if others else {}
    others = [date for date in others if still.get(date) == known[date]]
    judged = look.judged(lane.pipeline, attempt.table, others)
    found = {
        date: each
        for date, each in judged.items()
        if is_fewer(counts.get(date, EMPTY), known[date]) or is_damaged(each)
    }
    if not found:
        return
    with lane.transaction():
        readings.store(found.values())
        fail_steps(lane.run, attempt.table, found, f"{since} {side_effects.call_in_words(attempt)}")
        if since == "after":
            beside = {date: each for date, each in found.items() if date not in attempt.date_list}
            record_late_damage(lane.run, attempt.table, beside)


def differs(now: Count, had: Had) -> bool:
    return now.rows != had[0] or (now.keys is not None and now.keys != had[1])


def is_fewer(now: Count, had: Had) -> bool:
    return now.rows < had[0] or (now.keys is not None and now.keys < had[1])


def is_damaged(found: Found) -> bool:
    """Whether a date that was complete is missing, thin or has too many rows now."""
    return found.verdict.state in side_effects.NOT_WHOLE


def complete_dates(table: str) -> Complete:
    """Rows, different keys and time of reading of the table's complete dates."""
    counted = complete_partitions([table]).order_by().values_list("date", "rows", "keys", "read_at")
    return {date: (rows or 0, keys or 0, read_at) for date, rows, keys, read_at in counted}


def complete_partitions(tables: Iterable[str]) -> PartitionQuerySet:
    """What was complete, also if stale, when it was read last, without what calls are filling right now."""
    whole = (Partition.State.COMPLETE, Partition.State.STALE)
    rows = Partition.objects.of(tables).filter(state__in=whole).exclude(rows=None)
    return rows.exclude(activity=Partition.Activity.RUNNING)


def record_late_damage(run: Run, table: str, found: Mapping[dt.date, Found]) -> None:
    """A line in the timeline for complete dates that lost rows, or got too many, while the run was at work, not in a
    decided call."""
    if not found:
        return
    too_many = [date for date, each in found.items() if each.verdict.state == Partition.State.EXCESS]
    fewer = [date for date in found if date not in too_many]
    says = "; ".join(
        f"{definition.short_name(table)} {verb} while the run was at work, on complete dates: "
        f"{date_ranges(dates, most=side_effects.RANGES_SHOWN)}"
        for verb, dates in (("lost rows", fewer), ("got too many rows", too_many))
        if dates
    )
    run.record(LOST, says, data={"table": table, "dates": [str(date) for date in sorted(found)]})


def still_damaged_in_words(run: Run) -> str:
    """ "rows were lost on complete dates that were not asked for: sales 2024-01-15", and likewise where there are too
    many; empty if all of that is mended.

    Dates that are steps of the run are not named: they are verified or failed.
    """
    said: dict[str, list[str]] = {"rows were lost on": [], "there are too many rows on": []}
    for table, dates in lost_by_table(run).items():
        partitions = Partition.objects.of([table]).filter(date__in=dates)
        steps = set(run.steps.filter(table=table, date__in=dates).values_list("date", flat=True))
        lost = set(partitions.regressions().values_list("date", flat=True)) - steps
        excess = partitions.filter(state=Partition.State.EXCESS).values_list("date", flat=True)
        for named, some in zip(said.values(), (lost, set(excess) - steps - lost), strict=True):
            if some:
                ranges = date_ranges(some, most=side_effects.RANGES_SHOWN)
                named.append(f"{definition.short_name(table)} {ranges}")
    return "; ".join(
        f"{verb} complete dates that were not asked for: {', '.join(named)}"
        for verb, named in said.items()
        if named
    )


def lost_by_table(run: Run) -> dict[str, set[dt.date]]:
    """The complete dates that lost rows or got too many while the run was at work, as its timeline has them."""
    found: dict[str, set[dt.date]] = {}
    for data in run.events.filter(kind=LOST).values_list("data", flat=True):
        found.setdefault(data["table"], set()).update(map(dt.date.fromisoformat, data["dates"]))
    return found
