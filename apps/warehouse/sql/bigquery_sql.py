"""The questions in BigQuery's SQL. Dates are parameters always; names are quoted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from apps.warehouse.base import NO_DATE, HistoryQuestion, Question

Parameters = dict[str, dt.date | list[dt.date]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A question, the type of its date column, and the dates that it is about: some, or a range, or all."""

    question: Question
    date_type: str = "DATE"
    start: dt.date | None = None
    end: dt.date | None = None
    dates: Collection[dt.date] | None = None

    @property
    def first(self) -> dt.date | None:
        return self.start if self.dates is None else min(self.dates)

    @property
    def last(self) -> dt.date | None:
        return self.end if self.dates is None else max(self.dates)


# Counting -------------------------------------------------------------------------------------------


def grouped_counts(wanted: Sequence[Wanted]) -> tuple[str, Parameters]:
    """All of them as one query; the first column of a row is the place of its question."""
    parameters: Parameters = {}
    parts = [grouped_count(place, each, parameters) for place, each in enumerate(wanted)]
    return "\nUNION ALL\n".join(parts), parameters


def grouped_count(place: int, wanted: Wanted, parameters: Parameters) -> str:
    question = wanted.question
    date = as_date(question.date_column, wanted.date_type, question.timezone)
    if question.undated:
        date = f"COALESCE({date}, DATE '{NO_DATE}')"
    return (
        f"SELECT {place} AS place, {date} AS date, COUNT(*) AS row_count, {mean(question.quality_column)} AS quality, "
        f"{latest(question.written_column)} AS written_at, {share(question.fallback_column)} AS fallback, "
        f"{different(question.key_columns)} AS different_keys, {without_value(question.not_null)} AS nulls "
        f"FROM {quoted(question.table)} WHERE {' AND '.join(conditions(place, wanted, parameters))} GROUP BY date"
    )


def conditions(place: int, wanted: Wanted, parameters: Parameters) -> list[str]:
    question, start, end = wanted.question, f"start_{place}", f"end_{place}"
    date = as_date(question.date_column, wanted.date_type, question.timezone)
    found = ["TRUE" if question.undated else f"{date} IS NOT NULL"]
    if wanted.first is not None:
        parameters[start] = wanted.first
        found.append(since(question, wanted.date_type, start))
    if wanted.last is not None:
        parameters[end] = wanted.last
        found.append(until(question, wanted.date_type, end))
    if wanted.dates is not None:
        parameters[f"dates_{place}"] = sorted(wanted.dates)
        found.append(f"{date} IN UNNEST(@dates_{place})")
    return found


def since(question: Question | HistoryQuestion, date_type: str, parameter: str) -> str:
    """From a date on. The bare column is compared with a constant, as only that keeps BigQuery from reading every
    partition: https://cloud.google.com/bigquery/docs/querying-partitioned-tables#use_a_constant_filter_expression
    """
    column, date = question.date_column, f"@{parameter}"
    if date_type in HAVE_BEGINNINGS:
        return f"{quoted(column)} >= {beginning(date, date_type, question.timezone)}"
    return f"{as_date(column, date_type, question.timezone)} >= {date}"


def until(question: Question | HistoryQuestion, date_type: str, parameter: str) -> str:
    """To the end of a date."""
    column, date = question.date_column, f"@{parameter}"
    if date_type in HAVE_BEGINNINGS:
        following = f"DATE_ADD({date}, INTERVAL 1 DAY)"
        return f"{quoted(column)} < {beginning(following, date_type, question.timezone)}"
    return f"{as_date(column, date_type, question.timezone)} <= {date}"


HAVE_BEGINNINGS = ("DATE", "DATETIME", "TIMESTAMP")  # other types are cast to dates


def beginning(date: str, date_type: str, timezone: str) -> str:
    """The first moment of a date, in the type of a column."""
    if date_type == "DATE":
        return date
    if date_type == "TIMESTAMP" and timezone != "UTC":
        return f"TIMESTAMP({date}, '{timezone}')"
    return f"{date_type}({date})"


def as_date(column: str, date_type: str, timezone: str) -> str:
    """The date of a DATE, DATETIME or text; of a TIMESTAMP the one that it has in that zone."""
    if date_type == "TIMESTAMP" and timezone != "UTC":
        return f"DATE({quoted(column)}, '{timezone}')"
    return f"CAST({quoted(column)} AS DATE)"


def mean(column: str | None) -> str:
    return f"AVG(CAST({quoted(column)} AS FLOAT64))" if column else "CAST(NULL AS FLOAT64)"


def latest(column: str | None) -> str:
    return f"MAX(CAST({quoted(column)} AS TIMESTAMP))" if column else "CAST(NULL AS TIMESTAMP)"


def share(column: str | None) -> str:
    return f"COUNTIF({quoted(column)}) / COUNT(*)" if column else "CAST(NULL AS FLOAT64)"


def different(columns: Sequence[str]) -> str:
    # As text, since a single column without a value would count for no key, and structures cannot be counted.
    named = ", ".join(quoted(column) for column in columns)
    return f"COUNT(DISTINCT TO_JSON_STRING(STRUCT({named})))" if columns else "CAST(NULL AS INT64)"


def without_value(columns: Sequence[str]) -> str:
    counts = ", ".join(f"COUNTIF({quoted(column)} IS NULL)" for column in columns)
    return f"[{counts}]" if columns else "ARRAY<INT64>[]"


# To be asked by hand --------------------------------------------------------------------------------


def count_of_date(question: Question, date: dt.date) -> str:
    """A scan's question about one date, for a person: without parameters, for a date column of any type."""
    what = ["COUNT(*) AS row_count"]
    if question.key_columns:
        what.append(f"{different(question.key_columns)} AS different_keys")
    if question.not_null:
        what.append(f"{without_value(question.not_null)} AS nulls")
    if question.quality_column:
        what.append(f"{mean(question.quality_column)} AS quality")
    if question.fallback_column:
        what.append(f"{share(question.fallback_column)} AS fallback")
    column = quoted(question.date_column)
    # The bare column, as in `since`: a text takes the type of the column. The zone may need a day more on each side.
    before, after = date - dt.timedelta(days=1), date + dt.timedelta(days=2)
    return (
        f"SELECT {', '.join(what)} FROM {quoted(question.table)} WHERE {column} >= '{before}' AND {column} < '{after}' "
        f"AND {as_date_of_any_type(question.date_column, question.timezone)} = DATE '{date}'"
    )


def as_date_of_any_type(column: str, timezone: str) -> str:
    """`as_date` for a column of unknown type: only the text of a TIMESTAMP has an offset, as in 10:00:00+00."""
    plain = as_date(column, "DATE", timezone)
    if timezone == "UTC":
        return plain
    text = f"CAST({quoted(column)} AS STRING)"
    return (
        f"IF(REGEXP_CONTAINS({text}, r':[0-9.]+[+-][0-9:]+$'), "
        f"DATE(SAFE_CAST({text} AS TIMESTAMP), '{timezone}'), {plain})"
    )


# The run history ------------------------------------------------------------------------------------


def latest_tries(question: HistoryQuestion, date_type: str) -> str:
    """With the parameters @start and @end."""
    processor, status = quoted(question.processor_column), quoted(question.status_column)
    date = as_date(question.date_column, date_type, question.timezone)
    started = f"CAST({quoted(question.started_column)} AS TIMESTAMP)"
    seconds, errors = question.duration_column, question.errors_column
    within = [form(question, date_type, name) for form, name in ((since, "start"), (until, "end"))]
    return (
        f"SELECT CAST({processor} AS STRING) AS processor, {date} AS date, CAST({status} AS STRING) AS status, "
        f"{started} AS started_at, {f'CAST({quoted(seconds)} AS FLOAT64)' if seconds else 'NULL'} AS seconds, "
        f"{f'CAST({quoted(errors)} AS STRING)' if errors else 'NULL'} AS errors "
        f"FROM {quoted(question.table)} WHERE {' AND '.join(within)} "
        f"QUALIFY ROW_NUMBER() OVER (PARTITION BY {processor}, {date} "
        f"ORDER BY {started} DESC NULLS LAST, {status}) = 1 ORDER BY 1, 2"
    )


# Metadata -------------------------------------------------------------------------------------------


def survey(dataset: str, tables: Iterable[str]) -> str:
    """Columns and partitions of a dataset's tables in one query, as rows that say what they are about.

    PARTITIONS answers for at most 1,000 tables, and wants them named by constants:
    https://cloud.google.com/bigquery/docs/information-schema-partitions
    """
    named = ", ".join(f"'{table}'" for table in sorted(tables))
    about = f"{quoted(dataset)}.INFORMATION_SCHEMA"
    return (
        "SELECT table_name, column_name AS name, data_type, is_partitioning_column = 'YES' AS partitions, "
        "CAST(NULL AS INT64) AS row_count, CAST(NULL AS TIMESTAMP) AS modified_at "
        f"FROM {about}.COLUMNS WHERE table_name IN ({named})\n"
        "UNION ALL\n"
        "SELECT table_name, partition_id, NULL, NULL, total_rows, last_modified_time "
        f"FROM {about}.PARTITIONS WHERE table_name IN ({named}) AND partition_id IS NOT NULL"
    )


def quoted(name: str) -> str:
    return ".".join(f"`{part}`" for part in name.split("."))


def by_dataset(tables: Iterable[str]) -> Mapping[str, list[str]]:
    """The tables' own names by their dataset, with its project where one is named."""
    found: dict[str, list[str]] = {}
    for table in tables:
        dataset, _, name = table.rpartition(".")
        found.setdefault(dataset, []).append(name)
    return found
