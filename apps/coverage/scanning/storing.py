"""Stores judged partitions where they differ from what is stored."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from typing import NamedTuple

from django.db.models import Case, F, TextField, Value, When

from apps.coverage.models import Partition, PartitionQuerySet
from apps.coverage.scanning.expectation import OFF_CALENDAR
from apps.coverage.scanning.judging import Found, Key
from apps.warehouse.base import Count

BATCH = 500
NOTHING_FOUND: dict[str, None] = dict.fromkeys(
    ("rows", "keys", "quality", "fallback_share", "written_at", "modified_at")
)
COUNTED = tuple(NOTHING_FOUND)  # fields of a Count that are stored


class Facts(NamedTuple):
    """What a reading may change of a stored partition."""

    season: str
    state: str
    reason: str
    units: int
    least: float | None
    most: float | None
    rows: int | None
    keys: int | None
    quality: float | None
    fallback_share: float | None
    written_at: dt.datetime | None
    modified_at: dt.datetime | None


class Stored(NamedTuple):
    """A stored partition as it was read, before acceptances and stale inputs."""

    pk: int
    read_at: dt.datetime
    complete_rows: int | None
    complete_keys: int | None
    facts: Facts

    @property
    def counted(self) -> Count | None:
        """What was counted of it; None where it could not be."""
        if self.facts.rows is None:
            return None
        return Count(**{name: getattr(self.facts, name) for name in COUNTED})


def is_news(found: Found, before: Stored | None) -> bool:
    """Whether it is to be stored: it differs, and nothing newer is stored. An unreadable date keeps its last state."""
    if before is None:
        return True
    if found.count is None and before.facts.state != Partition.State.UNKNOWN:
        return False
    return before.read_at <= found.asked_at and facts(found, before) != before.facts


def facts(found: Found, before: Stored | None) -> Facts:
    count, verdict = found.count, found.verdict
    counted = {name: getattr(count, name) for name in COUNTED} if count else NOTHING_FOUND
    return Facts(
        season=found.season,
        state=str(verdict.state),
        reason=verdict.reason,
        units=found.units,
        least=verdict.least,
        most=verdict.most,
        **{**counted, "modified_at": modified_at(count, before)},
    )


def modified_at(count: Count | None, before: Stored | None) -> dt.datetime | None:
    """A count without the moment keeps the stored one: if it was written later, the next scan counts it again."""
    if count is None or not count.rows:
        return None
    return count.modified_at or (before.facts.modified_at if before else None)


def stored(partitions: PartitionQuerySet) -> dict[Key, Stored]:
    """What is stored of these partitions; in one query."""
    # Neither that a person accepted it nor that its inputs are newer is the warehouse's word.
    stale = When(state=Partition.State.STALE, then=Value(Partition.State.COMPLETE))
    said = Case(When(state=Partition.State.ACCEPTED, then=F("read_state")), stale, default=F("state"))
    why = Case(When(state=Partition.State.STALE, then=Value("", TextField())), default=F("reason"))
    columns = [{"state": "said", "reason": "why"}.get(name, name) for name in Facts._fields]
    values = (
        partitions.order_by()
        .annotate(said=said, why=why)
        .values_list("table", "date", "pk", "read_at", "complete_rows", "complete_keys", *columns)
    )
    return {
        (table, date): Stored(pk, read_at, rows, keys, Facts(*facts))
        for table, date, pk, read_at, rows, keys, *facts in values
    }


def partition(found: Found, before: Stored | None) -> Partition:
    return Partition(
        table=found.table,
        date=found.date,
        read_at=found.asked_at,
        complete_rows=most_complete(found, found.rows, before and before.complete_rows),
        complete_keys=most_complete(found, found.keys, before and before.complete_keys),
        **facts(found, before)._asdict(),
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
        update_fields=[*Facts._fields, "complete_rows", "complete_keys", "read_state", "read_at"],
        batch_size=BATCH,
    )
    if fresh:
        clear_filled_failures()


def clear_filled_failures() -> None:
    """Clears the failures of partitions that are complete by now."""
    Partition.objects.filter(activity=Partition.Activity.FAILED, state=Partition.State.COMPLETE).update(
        activity=Partition.Activity.NONE, run_id=None
    )


def remove_unread_dates(dates: Mapping[str, Collection[dt.date]], expected: Collection[dt.date]) -> None:
    """Removes stored partitions of each table on dates that were neither read nor expected."""
    stored = Partition.objects.of(dates).exclude(date__in=expected).values_list("pk", "table", "date")
    left = [pk for pk, table, date in stored.order_by() if date not in dates[table]]
    for start in range(0, len(left), BATCH):
        remove_unexpected_partitions(Partition.objects.filter(pk__in=left[start : start + BATCH]))


def remove_unexpected_partitions(partitions: PartitionQuerySet) -> None:
    """Deletes partitions on which nothing is expected and no row was found.

    Those with an acceptance, a failure or complete rows are marked as not expected, since the dates may come back.
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
