"""Records which tables could not be read, since when and why, and which were read again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from django.db.models import F, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from apps.coverage.models import TableReading
from apps.warehouse.base import (
    Busy,
    Interrupted,
    InUse,
    OverQuota,
    StillAtWork,
    Unreachable,
    WarehouseError,
)

Awaited = TableReading.Awaited
OUTAGES = (Unreachable, Busy, OverQuota, Interrupted)
ANSWERED = {"silent_since": None, "problem": "", "is_outage": False, "awaited": ""}


def note_error(tables: Iterable[str], error: WarehouseError, *, at: dt.datetime) -> None:
    """Records that none of these tables could be read, since the warehouse did not answer or a call has its turn."""
    is_outage = isinstance(error, OUTAGES) and not isinstance(error, InUse)
    record_failure(tables, str(error), at=at, is_outage=is_outage, awaited=retry_reason(error))


def retry_reason(error: WarehouseError) -> str:
    """What to check for every minute; empty where that does not help: a quota, or a query that took too long."""
    match error:
        case InUse():
            return Awaited.TURN
        case StillAtWork():
            return ""
        case Unreachable() | Busy():
            return Awaited.WAREHOUSE
    return ""


def is_anything_awaited() -> bool:
    return TableReading.objects.exclude(awaited="").exists()


def note_answer() -> None:
    """Records that the warehouse answers again and its tables are to be read."""
    TableReading.objects.exclude(awaited="").update(awaited=Awaited.SCAN)


def record_failure(
    tables: Iterable[str], problem: str, *, at: dt.datetime, is_outage: bool = False, awaited: str = ""
) -> None:
    """Records that these tables could not be read; their partitions stay as last known."""
    names = list(tables)
    TableReading.objects.bulk_create([TableReading(table=name) for name in names], ignore_conflicts=True)
    TableReading.objects.filter(table__in=names).update(
        silent_since=Coalesce(F("silent_since"), Value(at)),
        problem=problem.rstrip("."),
        is_outage=is_outage,
        awaited=awaited,
    )


def record_full_read(readings: Iterable[TableReading]) -> None:
    """Stores the readings of tables that were read as a whole."""
    rows = list(readings)
    for row in rows:
        row.read_at = timezone.now()
    told = ("scan", "read_at", "columns", "rules", "dated_by", *ANSWERED)
    TableReading.objects.bulk_create(rows, update_conflicts=True, unique_fields=["table"], update_fields=told)


def clear_failure(tables: Iterable[str], problem: str = "") -> None:
    """Clears the failure of tables that were read again on some dates; `problem` says that they do not exist."""
    answer = ANSWERED | {"problem": problem.rstrip(".")}
    silent = TableReading.objects.filter(table__in=list(tables)).exclude(silent_since=None, problem=problem)
    silent.update(**answer)
