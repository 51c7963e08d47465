"""Stores judged partitions where they differ from what is stored."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence

from django.db.models import Case, F, TextField, Value, When

from apps.coverage.models import Partition, PartitionQuerySet
from apps.coverage.scanning.expectation import OFF_CALENDAR
from apps.coverage.scanning.judging import Found, Key
from apps.warehouse.base import Count

BATCH = 500
NOTHING_FOUND: dict[str, None] = dict.fromkeys(
    ("rows", "keys", "quality", "fallback_share", "written_at", "modified_at")
)


def is_news(found: Found, known: Mapping[Key, tuple]) -> bool:
    read_at, _, _, *before = known.get((found.table, found.date), (found.asked_at, None, None))
    if found.count is None and before and before[FACTS.index("state")] != Partition.State.UNKNOWN:
        return False  # the last known state stays
    return read_at <= found.asked_at and facts(found, before) != tuple(before)


FACTS = (
    "season",
    "state",
    "reason",
    "units",
    "rows",
    "keys",
    "least",
    "most",
    "quality",
    "fallback_share",
    "written_at",
    "modified_at",
)


def facts(found: Found, before: Sequence) -> tuple:
    count, verdict = found.count, found.verdict
    return (
        found.season,
        str(verdict.state),
        verdict.reason,
        found.units,
        found.rows,
        count.keys if count else None,
        verdict.least,
        verdict.most,
        count.quality if count else None,
        count.fallback_share if count else None,
        count.written_at if count else None,
        modified_at(count, before),
    )


def modified_at(count: Count | None, before: Sequence) -> dt.datetime | None:
    """A reading that does not say it leaves what is known: if it was written later, the next scan looks again."""
    if count is None or not count.rows:
        return None
    return count.modified_at or (before[FACTS.index("modified_at")] if before else None)


def stored(rows: list[Found]) -> dict[Key, tuple]:
    if not rows:
        return {}
    dates = [each.date for each in rows]
    known = Partition.objects.of({each.table for each in rows}).between(min(dates), max(dates))
    # Neither that a person accepted it nor that its inputs are newer is the warehouse's word.
    stale = When(state=Partition.State.STALE, then=Value(Partition.State.COMPLETE))
    said = Case(When(state=Partition.State.ACCEPTED, then=F("read_state")), stale, default=F("state"))
    why = Case(When(state=Partition.State.STALE, then=Value("", TextField())), default=F("reason"))
    columns = [{"state": "said", "reason": "why"}.get(name, name) for name in FACTS]
    return {
        (table, date): tuple(values)
        for table, date, *values in known.annotate(said=said, why=why).values_list(
            "table", "date", "read_at", "complete_rows", "complete_keys", *columns
        )
    }


def partition(found: Found, before: tuple | None) -> Partition:
    _, had_rows, had_keys, *facts_before = before or (None, None, None)
    named = dict(zip(FACTS, facts(found, facts_before), strict=True))
    return Partition(
        table=found.table,
        date=found.date,
        read_at=found.asked_at,
        complete_rows=most_complete(found, found.rows, had_rows),
        complete_keys=most_complete(found, found.keys, had_keys),
        **named,
    )


def most_complete(found: Found, number: int | None, had: int | None) -> int | None:
    """With how many rows or keys the partition was complete. Fewer ones later are a loss, until a run verified them."""
    if found.is_complete and number is not None:
        return max(number, had or 0)
    return had


def write(fresh: list[Partition]) -> None:
    Partition.objects.bulk_create(
        fresh,
        update_conflicts=True,
        unique_fields=["table", "date"],
        update_fields=[*FACTS, "complete_rows", "complete_keys", "read_state", "read_at"],
        batch_size=BATCH,
    )
    if fresh:
        clear_filled_failures()


def clear_filled_failures() -> None:
    """What a run had failed to fill is complete: somebody filled it."""
    Partition.objects.filter(activity=Partition.Activity.FAILED, state=Partition.State.COMPLETE).update(
        activity=Partition.Activity.NONE, run_id=None
    )


def leave_calendar_of(dates: Mapping[str, Collection[dt.date]], expected: Collection[dt.date]) -> None:
    """Of each table, the stored dates that are not among these are left."""
    stored = Partition.objects.of(dates).exclude(date__in=expected).values_list("pk", "table", "date")
    left = [pk for pk, table, date in stored.order_by() if date not in dates[table]]
    for start in range(0, len(left), BATCH):
        remove_unexpected_partitions(Partition.objects.filter(pk__in=left[start : start + BATCH]))


def remove_unexpected_partitions(partitions: PartitionQuerySet) -> None:
    """Those on which nothing is expected and no row was found are nothing any more.

    What a person said of them stays, what failed there, and with how many rows they were complete: the dates may come
    back.
    """
    idle = partitions.exclude(activity__in=Partition.IN_A_RUN)
    said_of = {"acceptance": None, "closed_by": None, "activity": Partition.Activity.NONE}
    idle.filter(complete_rows=None, **said_of).delete()
    idle.exclude(state=Partition.State.NOT_EXPECTED, season="").update(
        state=Partition.State.NOT_EXPECTED,
        season="",
        reason=OFF_CALENDAR,
        read_state="",
        units=0,
        least=None,
        most=None,
        **NOTHING_FOUND,
    )
