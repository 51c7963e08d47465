"""The BigQuery engine.

The client takes a second or more to import, so only workers and commands import this module, never a page.
"""

from __future__ import annotations

import concurrent.futures
import datetime as dt
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import Any

from google.api_core.exceptions import Forbidden, NotFound
from google.cloud import bigquery
from google.cloud.bigquery.job import QueryJob
from google.cloud.bigquery.retry import DEFAULT_RETRY

from apps import timing
from apps.warehouse.answers import as_count, as_try, calendar_columns, lacking, units_a_date
from apps.warehouse.base import (
    NO_LABELS,
    Absent,
    Count,
    HistoryQuestion,
    Known,
    QueryFailed,
    Question,
    Reading,
    Try,
    WriteQuota,
)
from apps.warehouse.bigquery import costs, partitions
from apps.warehouse.bigquery.credentials import credentials
from apps.warehouse.bigquery.errors import as_warehouse_errors, message_of, reason_of
from apps.warehouse.bigquery.jobs import Jobs
from apps.warehouse.bigquery.partitions import Line, Shape, Surveyed
from apps.warehouse.fingerprints import Fingerprints
from apps.warehouse.sql import bigquery_sql, scripts
from apps.warehouse.sql.bigquery_sql import Parameters, Wanted

AT_ONCE = 8  # tables that are described at the same time
ROWS_A_PAGE = 5_000  # a page is held in memory several times over while it is read
MOST_TABLES = 1000  # in one query of PARTITIONS
ANY_NUMBER = 2**62  # of bytes; the client cannot be told of no limit


class BigQueryWarehouse:
    """The tables that a project's queries can read and write.

    `byte_limit` is the most that any one query may bill: BigQuery refuses what would bill more, before it runs.
    `labels` go with all that is asked.
    """

    def __init__(
        self,
        project: str,
        location: str,
        *,
        byte_limit: int,
        impersonate: str | None = None,
        labels: Mapping[str, str] = NO_LABELS,
        patience: float = timing.BIGQUERY_RETRY_FOR,
        query_timeout: float = timing.BIGQUERY_QUERY_TIMEOUT,
        timezone: str = "UTC",
    ):
        self.project = project
        self.location = location
        self.byte_limit = byte_limit
        self.impersonate = impersonate
        self.labels = {"application": "backfill-console", **labels}
        self.retry = DEFAULT_RETRY.with_timeout(patience)
        self.timeout = timing.BIGQUERY_REQUEST_TIMEOUT
        self.query_timeout = query_timeout
        self.timezone = timezone
        self.queries = 0
        self.bytes_billed = 0
        self.load_jobs_a_day = costs.LOAD_JOBS
        # By table: its columns and partitions, or why they cannot be read.
        self.known: dict[str, Shape | str] = {}

    @cached_property
    def client(self) -> bigquery.Client:
        return bigquery.Client(
            project=self.project, location=self.location, credentials=credentials(self.impersonate)
        )

    @cached_property
    def jobs(self) -> Jobs:
        return Jobs(self.client, self.location, retry=self.retry)

    def get_table(self, table: str) -> bigquery.Table | None:
        """A table's metadata, None where there is no such table. It is no query, and costs nothing."""
        name = table if table.count(".") == 2 else f"{self.project}.{table}"
        try:
            return self.client.get_table(name, retry=self.retry, timeout=self.timeout)
        except NotFound:
            return None

    def get_tables(self, tables: Sequence[str]) -> dict[str, bigquery.Table]:
        """The metadata of those of the tables that exist."""
        with as_warehouse_errors(), self.threads() as threads:
            found = zip(tables, threads.map(self.get_table, tables), strict=True)
            return {name: table for name, table in found if table is not None}

    # The interface ----------------------------------------------------------------------------------

    def check_connection(self) -> None:
        """Makes a dry run, which costs nothing and is not counted as a query."""
        self.try_dry("SELECT 1", self.config({}, {"asks": "connection"}, self.timeout), self.timeout)

    def count(
        self,
        questions: Sequence[Question],
        *,
        start: dt.date | None = None,
        end: dt.date | None = None,
        dates: Collection[dt.date] | None = None,
    ) -> Reading:
        before = self.queries
        # Beside a range, rows without a date would be one more partition to pay for.
        undated = not (start or end or dates is not None)
        questions = [
            replace(each, timezone=self.timezone, undated=each.undated and undated) for each in questions
        ]
        with as_warehouse_errors():
            self.describe(question.table for question in questions)
            problems = self.problems(questions)
            rest = [question for question in questions if question.table not in problems]
            found = self.counted([Wanted(each, self.date_type(each), start, end, dates) for each in rest])
        counted_undated = frozenset(
            each.table for each in questions if each.undated and each.table in found.counts
        )
        return Reading(
            found.counts, problems | found.problems, self.queries - before, undated=counted_undated
        )

    def scan(self, questions: Sequence[Question], *, start: dt.date, end: dt.date, known: Known) -> Reading:
        """From the metadata where that tells rows by day: one query a dataset, and one for all that needs a look."""
        before = self.queries
        # Rows without a date are told by the metadata, and need no count.
        questions = [replace(each, timezone=self.timezone, undated=False) for each in questions]
        with as_warehouse_errors():
            self.survey([question.table for question in questions])
            problems = self.problems(questions)
            rest = [
                Surveyed(question, self.shape(question.table), start, end)
                for question in questions
                if question.table not in problems
            ]
            still = {each.table: each.unchanged(known) for each in rest}
            found = self.counted([look for each in rest if (look := each.to_count(still[each.table]))])
        counts = {}
        for each in rest:  # of hundreds of tables nothing is to be in memory twice
            counted = each.with_times(found.counts.pop(each.table, {}))
            if each.table not in found.problems:
                counts[each.table] = still.pop(each.table) | counted
            each.shape.forget_days()
        notes = {each.table: each.shape.note for each in rest if each.shape.note}
        return Reading(counts, problems | found.problems, self.queries - before, notes)

    def calendar(self, query: str) -> dict[dt.date, int]:
        with as_warehouse_errors():
            names, rows = self.ask(query, {}, about="calendar")
            at, units = calendar_columns(names)
            return units_a_date(((row[at], row[units]) for row in rows), self.timezone)

    def history(self, question: HistoryQuestion, *, start: dt.date, end: dt.date) -> list[Try]:
        question = replace(question, timezone=self.timezone)
        with as_warehouse_errors():
            self.describe([question.table])
            if problem := self.lacking(question):
                raise QueryFailed(problem)
            sql = bigquery_sql.latest_tries(question, self.date_type(question))
            _, rows = self.ask(sql, {"start": start, "end": end}, about="history")
            return [as_try(*row) for row in rows]

    def run_sql(
        self,
        sql: str,
        *,
        start: dt.date,
        end: dt.date,
        timeout: float,
        stopped: Callable[[], bool],
        job_id: str = "",
        labels: Mapping[str, str] = NO_LABELS,
    ) -> int:
        script = scripts.whole(sql)
        config = self.config({"start_date": start, "end_date": end}, labels, timeout)
        with as_warehouse_errors():
            self.jobs.wait_for(
                self.jobs.begin(script.text, config, job_id or new_id("script")), timeout, stopped
            )
        return script.statements

    def end_sql(self, job_id: str) -> bool:
        with as_warehouse_errors():
            try:
                job = self.jobs.get(job_id)
            except NotFound:
                return False  # its caller died before it got there
            if self.jobs.is_over(job):
                return False
            self.jobs.cancel(job, within=timing.BIGQUERY_ORPHAN_CANCEL_TIMEOUT)
            return True

    def rehearse(
        self, sql: str, *, start: dt.date, end: dt.date, timeout: float, stopped: Callable[[], bool]
    ) -> str:
        """What BigQuery says of the script in a dry run: it costs nothing and changes nothing."""
        config = self.config({"start_date": start, "end_date": end}, {"asks": "rehearsal"}, timeout)
        return f"would read {self.try_dry(sql, config, timeout) / 1024**2:,.1f} MB"

    def estimate(self, sql: str, *, start: dt.date, end: dt.date, timeout: float) -> tuple[int, int]:
        """Bytes that the script would bill, at least and at most; from a dry run, which costs nothing."""
        config = self.config({"start_date": start, "end_date": end}, {"asks": "estimate"}, timeout)
        config.maximum_bytes_billed = ANY_NUMBER  # what is too much is to be told in bytes
        return costs.billed(sql, self.try_dry(sql, config, timeout))

    def try_dry(self, sql: str, config: bigquery.QueryJobConfig, timeout: float) -> int:
        """The bytes that a script would read: https://cloud.google.com/bigquery/docs/running-queries#dry-run"""
        config.dry_run, config.use_query_cache = True, False
        with as_warehouse_errors():
            job = self.client.query(
                scripts.whole(sql).text,
                job_config=config,
                job_retry=None,
                retry=self.retry,
                timeout=min(timeout, self.timeout),
            )
        return job.total_bytes_processed or 0

    def billed(self, job_id: str) -> int | None:
        """What a job of ours billed, by its metadata: of a script the sum of its statements.

        https://cloud.google.com/bigquery/docs/information-schema-jobs
        """
        with as_warehouse_errors():
            try:
                job = self.jobs.get(job_id)
            except NotFound:
                return 0  # it was refused before it became a job
            return job.total_bytes_billed if job.state == "DONE" else None

    def write_quotas(self, tables: Sequence[str]) -> Mapping[str, WriteQuota]:
        return {name: write_quota(table) for name, table in self.get_tables(tables).items()}

    def writes_against_quota(self, sql: str, table: str) -> int:
        return costs.writes_against_quota(sql, table)

    def fingerprints(self, tables: Sequence[str]) -> Fingerprints:
        """Of these tables: their rows and when they were last written, as their metadata says."""
        found = {
            name: f"{table.num_rows} {table.modified}" for name, table in self.get_tables(tables).items()
        }
        return Fingerprints(found, "rows and the time of the last write of the tables in the pipeline file")

    def expirations(self, tables: Sequence[str]) -> Mapping[str, dt.timedelta]:
        partitioned = {name: table.time_partitioning for name, table in self.get_tables(tables).items()}
        return {
            name: dt.timedelta(milliseconds=by_time.expiration_ms)
            for name, by_time in partitioned.items()
            if by_time and by_time.expiration_ms
        }

    # Counting ---------------------------------------------------------------------------------------

    def counted(self, wanted: Sequence[Wanted]) -> Reading:
        """All in one query; where that fails, each by itself, so that one table's fault is its own."""
        try:
            return Reading(self.grouped(wanted))
        except QueryFailed:
            self.known.clear()  # it may have changed since it was described
        self.describe(each.question.table for each in wanted)
        counts: dict[str, dict[dt.date, Count]] = {}
        problems = self.problems([each.question for each in wanted])
        for each in wanted:
            table = each.question.table
            if table in problems:
                continue
            try:
                counts |= self.grouped([each])
            except QueryFailed as error:
                problems[table] = f"table {table} cannot be counted: {error}"
        return Reading(counts, problems)

    def grouped(self, wanted: Sequence[Wanted]) -> dict[str, dict[dt.date, Count]]:
        counts: dict[str, dict[dt.date, Count]] = {each.question.table: {} for each in wanted}
        asked = [each for each in wanted if each.dates is None or each.dates]
        if not asked:
            return counts
        sql, parameters = bigquery_sql.grouped_counts(asked)
        with as_warehouse_errors():
            _, rows = self.ask(sql, parameters, about="count")
            dates: dict[dt.date, dt.date] = {}  # one object for a date, however many tables have it
            for place, date, *sums in rows:
                counts[asked[place].question.table][dates.setdefault(date, date)] = as_count(*sums)
        return counts

    # What tables look like ----------------------------------------------------------------------------

    def survey(self, tables: Sequence[str]) -> None:
        """Reads columns and partitions of these tables into `known`, in a query a dataset."""
        for dataset, names in bigquery_sql.by_dataset(tables).items():
            for first in range(0, len(names), MOST_TABLES):
                self.survey_dataset(dataset, names[first : first + MOST_TABLES])

    def survey_dataset(self, dataset: str, names: Sequence[str]) -> None:
        try:
            with as_warehouse_errors():
                _, rows = self.ask(bigquery_sql.survey(dataset, names), {}, about="partitions")
                found = partitions.shapes(Line(*row) for row in rows)
        except QueryFailed:
            # No such dataset, or no permission to read its metadata: its tables are described one by one.
            self.describe(f"{dataset}.{name}" for name in names)
            return
        for name in names:
            table = f"{dataset}.{name}"
            self.known[table] = found.get(name) or Absent.of(table)

    def describe(self, tables: Iterable[str]) -> None:
        """Reads the columns of these tables into `known`, where they are not there yet: without a query, for nothing.

        A table that did not exist is looked up again, since it may have been created.
        """
        new = [
            table for table in dict.fromkeys(tables) if isinstance(self.known.get(table, Absent()), Absent)
        ]
        if new:
            with self.threads() as threads:
                self.known.update(zip(new, threads.map(self.describe_one, new), strict=True))

    def threads(self) -> ThreadPoolExecutor:
        """A pool of threads for calls at the same time; the client is made before they share it."""
        assert self.client
        return ThreadPoolExecutor(AT_ONCE)

    def describe_one(self, table: str) -> Shape | str:
        try:
            found = self.get_table(table)
        except Forbidden as error:
            if reason_of(error) != "accessDenied":
                raise
            return f"table {table} may not be read: {message_of(error)}"
        if found is None:
            return Absent.of(table)
        return Shape({field.name.lower(): field.field_type for field in found.schema}, days=None)

    def problems(self, questions: Iterable[Question]) -> dict[str, str]:
        """The tables that cannot be counted, with the reason."""
        found = {question.table: self.lacking(question) for question in questions}
        return {table: problem for table, problem in found.items() if problem}

    def lacking(self, question: Question | HistoryQuestion) -> str:
        shape = self.known[question.table]
        return shape if isinstance(shape, str) else lacking(question, shape.columns)

    def shape(self, table: str) -> Shape:
        found = self.known[table]
        assert isinstance(found, Shape), found
        return found

    def date_type(self, question: Question | HistoryQuestion) -> str:
        return self.shape(question.table).type_of(question.date_column)

    # Queries and jobs ---------------------------------------------------------------------------------

    def ask(
        self, sql: str, parameters: Parameters, *, about: str
    ) -> tuple[list[str], Iterator[Sequence[Any]]]:
        """Runs a query; returns the names of its columns, and its rows, fetched page by page while they are read."""
        self.queries += 1
        config = self.config(parameters, {"asks": about}, self.query_timeout)
        job = self.jobs.begin(sql, config, new_id(about))
        with cancelled_if_late(job):
            rows = job.result(
                page_size=ROWS_A_PAGE, timeout=self.query_timeout, retry=self.retry, job_retry=None
            )
        self.bytes_billed += job.total_bytes_billed or 0
        return [column.name for column in rows.schema], (
            tuple(row) for row in rows
        )  # its values() are deep copies

    def config(
        self, parameters: Parameters, labels: Mapping[str, str], timeout: float
    ) -> bigquery.QueryJobConfig:
        return bigquery.QueryJobConfig(
            query_parameters=[parameter(name, value) for name, value in parameters.items()],
            labels=self.labels | {**labels},
            maximum_bytes_billed=self.byte_limit,
            job_timeout_ms=int(1000 * timeout),  # its asker may be gone by then
            use_legacy_sql=False,
        )


# Around the client ------------------------------------------------------------------------------------


def new_id(about: str) -> str:
    return f"console_{about}_{uuid.uuid4().hex}"


def write_quota(table: bigquery.Table) -> WriteQuota:
    by_time = table.time_partitioning
    if table.range_partitioning or (by_time and by_time.field):
        return costs.BY_COLUMN
    return costs.BY_TIME_OF_INGESTION if by_time else costs.STANDARD


def parameter(name: str, value: Any) -> bigquery.ScalarQueryParameter | bigquery.ArrayQueryParameter:
    if isinstance(value, list):
        return bigquery.ArrayQueryParameter(name, "DATE", value)
    return bigquery.ScalarQueryParameter(name, "DATE", value)


@contextmanager
def cancelled_if_late(job: QueryJob) -> Iterator[None]:
    """Cancels the job where waiting for it times out."""
    try:
        yield
    except concurrent.futures.TimeoutError:
        job.cancel(timeout=timing.BIGQUERY_REQUEST_TIMEOUT)
        raise
