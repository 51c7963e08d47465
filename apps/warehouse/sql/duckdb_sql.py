"""The questions in DuckDB's SQL, with quoted names. To show one does not import the engine."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from pathlib import Path

from apps.warehouse.base import NO_DATE, HistoryQuestion, Question

FILE = "warehouse_file"  # what the attached file is called, whatever schemas it has


def grouped_count(place: int, question: Question, wanted: Collection[str]) -> str:
    date = as_date(question.date_column, question.timezone)
    shown = f"coalesce({date}, DATE '{NO_DATE}')" if question.undated else date
    conditions = [f"{date} IS NOT NULL"]
    if "dates" in wanted and not question.whole:
        conditions.append(f"{date} IN (SELECT unnest(CAST($dates AS DATE[])))")
    if "start" in wanted and not question.whole:
        conditions.append(f"{date} >= $start")
    if "end" in wanted and not question.whole:
        conditions.append(f"{date} <= $end")
    where = " AND ".join(conditions)
    if question.undated:
        where = f"{where} OR {date} IS NULL"
    return (
        f"SELECT {place}, {shown}, count(*), {mean(question.quality_column)}, "
        f"{latest(question.written_column)}, {share(question.fallback_column)}, "
        f"{different(question.key_columns)}, {without_value(question.not_null)} "
        f"FROM {located(question.table)} WHERE {where} GROUP BY ALL"
    )


def as_date(column: str, timezone: str, *, session: str | None = "UTC") -> str:
    """The date of a DATE, TIMESTAMP or text; of a TIMESTAMPTZ the one that it has in that zone.

    `session` is the zone of the connection, None where that is not known.
    """
    plain = f"CAST({quoted(column)} AS DATE)"
    if timezone == session:
        return plain
    moment = f"TRY_CAST({quoted(column)} AS TIMESTAMPTZ)"
    return (
        f"CASE typeof({quoted(column)}) WHEN 'TIMESTAMP WITH TIME ZONE' "
        f"THEN CAST(timezone('{timezone}', {moment}) AS DATE) ELSE {plain} END"
    )


def mean(column: str | None) -> str:
    return f"avg(CAST({quoted(column)} AS DOUBLE))" if column else "CAST(NULL AS DOUBLE)"


def latest(column: str | None) -> str:
    return f"max(CAST({quoted(column)} AS TIMESTAMP))" if column else "CAST(NULL AS TIMESTAMP)"


def share(column: str | None) -> str:
    return f"avg(CASE WHEN {quoted(column)} THEN 1.0 ELSE 0.0 END)" if column else "CAST(NULL AS DOUBLE)"


def different(columns: Sequence[str]) -> str:
    named = ", ".join(quoted(column) for column in columns)
    # As a row, since a single column without a value would count for no key at all.
    return f"count(DISTINCT row({named}))" if columns else "CAST(NULL AS BIGINT)"


def without_value(columns: Sequence[str]) -> str:
    counts = ", ".join(f"count(*) FILTER (WHERE {quoted(column)} IS NULL)" for column in columns)
    return f"CAST([{counts}] AS BIGINT[])" if columns else "CAST(NULL AS BIGINT[])"


def latest_tries(question: HistoryQuestion) -> str:
    processor, status = quoted(question.processor_column), quoted(question.status_column)
    date = as_date(question.date_column, question.timezone)
    started = f"CAST({quoted(question.started_column)} AS TIMESTAMP)"
    seconds = f"CAST({quoted(question.duration_column)} AS DOUBLE)" if question.duration_column else "NULL"
    errors = f"CAST({quoted(question.errors_column)} AS VARCHAR)" if question.errors_column else "NULL"
    return (
        f"SELECT CAST({processor} AS VARCHAR), {date}, CAST({status} AS VARCHAR), {started}, {seconds}, {errors} "
        f"FROM {located(question.table)} WHERE {date} BETWEEN $start AND $end "
        f"QUALIFY row_number() OVER (PARTITION BY {processor}, {date} ORDER BY {started} DESC NULLS LAST, "
        f"{status}) = 1 ORDER BY 1, 2"
    )


def located(table: str) -> str:
    """The table in the attached file: a schema may be called like a file, and then a short name is ambiguous."""
    return quoted(f"{FILE}.{table}")


def quoted(name: str) -> str:
    return ".".join(f'"{part}"' for part in name.split("."))


# To be asked by hand --------------------------------------------------------------------------------


def count_of_date(question: Question, date: dt.date, *, path: Path) -> str:
    """A scan's question about one date, for a person who opened the file, in a session of any time zone."""
    what = ["count(*) AS row_count"]
    if question.key_columns:
        what.append(f"{different(question.key_columns)} AS different_keys")
    if question.not_null:
        what.append(f"{without_value(question.not_null)} AS nulls")
    if question.quality_column:
        what.append(f"{mean(question.quality_column)} AS quality")
    if question.fallback_column:
        what.append(f"{share(question.fallback_column)} AS fallback")
    day = as_date(question.date_column, question.timezone, session=None)
    return f"SELECT {', '.join(what)} FROM {opened(question.table, path)} WHERE {day} = DATE '{date}'"


def opened(table: str, path: Path) -> str:
    """The table for a person who opened the file, which DuckDB calls like the file; see `located`."""
    catalog = path.name.partition(".")[0]
    is_ambiguous = table.partition(".")[0].lower() == catalog.lower()
    return quoted(f"{catalog}.{table}" if is_ambiguous else table)
