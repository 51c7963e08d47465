"""Rows of an engine's answers as our types, and which values are refused."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from zoneinfo import ZoneInfo

from apps.warehouse.base import Absent, Count, HistoryQuestion, QueryFailed, Question, Try


def lacking(question: Question | HistoryQuestion, columns: Collection[str] | None) -> str:
    """Why the question cannot be asked of a table with these columns (in lower case; None for no table); else empty."""
    if columns is None:
        return Absent.of(question.table)
    gone = [column for column in question.columns if column.lower() not in columns]
    return f"table {question.table} has no column {', '.join(gone)}" if gone else ""


def calendar_columns(names: Sequence[str]) -> tuple[int, int]:
    """The positions of `date` and `units` among the columns of a calendar's query."""
    known = [name.lower() for name in names]
    if not {"date", "units"} <= set(known):
        raise QueryFailed(
            f"the calendar's query answers {', '.join(known)}; it must answer the columns date and units"
        )
    return known.index("date"), known.index("units")


def as_count(
    rows: int,
    quality: float | None,
    written_at: dt.datetime | None,
    fallback: float | None,
    keys: int | None,
    nulls: Sequence[int] | None,
) -> Count:
    """A warehouse's timestamps without a zone are UTC. A mean that is no number says nothing."""
    mean = quality if quality is None or math.isfinite(quality) else None
    written = written_at.replace(tzinfo=dt.UTC) if written_at else None
    return Count(rows, mean, written, fallback, keys, tuple(nulls) if nulls else ())


def units_a_date(rows: Iterable[tuple[object, object]], timezone: str) -> dict[dt.date, int]:
    """The units of each date of the calendar; QueryFailed for a row that is not a date with a number, or a second one.

    A moment lies on the date that it has in `timezone`.
    """
    found: dict[dt.date, int] = {}
    for date, units in rows:
        if date is None:
            continue
        if not isinstance(date, dt.date):
            raise QueryFailed(f"the calendar's query answers {date!r} for a date; CAST it AS DATE")
        if not isinstance(units, (int, float, Decimal)) or units != units:  # nan is not even itself
            raise QueryFailed(
                f"the calendar's query answers {units!r} units for {as_date(date, timezone)}; count them"
            )
        if (day := as_date(date, timezone)) in found:
            raise QueryFailed(f"the calendar's query answers {day} twice; GROUP BY the date")
        found[day] = int(units)
    return found


def as_try(
    processor: str | None,
    date: dt.date,
    status: str | None,
    started_at: dt.datetime | None,
    seconds: float | None,
    errors: str | None,
) -> Try:
    """A warehouse's timestamps without a zone are UTC."""
    started = started_at and started_at.replace(tzinfo=dt.UTC)
    return Try(processor or "", date, status or "", started, seconds, errors or "")


def as_date(value: dt.date | dt.datetime, timezone: str) -> dt.date:
    """A moment without a zone is a clock's time, and lies on the date that it shows."""
    if not isinstance(value, dt.datetime):
        return value
    zone = dt.UTC if timezone == "UTC" else ZoneInfo(timezone)
    return (value.astimezone(zone) if value.tzinfo else value).date()
