"""The DuckDB engine: opens the file, queries it, and closes it, since one process at a time may hold it."""

from __future__ import annotations

import datetime as dt
import gc
import re
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path

import _duckdb as duckdb  # the compiled part alone: the rest of the package costs each worker 16 MB
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random

from apps import masking, timing
from apps.text import count
from apps.warehouse import fingerprints
from apps.warehouse.answers import as_count, as_try, calendar_columns, lacking, units_a_date
from apps.warehouse.base import (
    NO_LABELS,
    Busy,
    Count,
    HistoryQuestion,
    Interrupted,
    Known,
    QueryFailed,
    Question,
    Reading,
    Try,
    Unreachable,
)
from apps.warehouse.fingerprints import Fingerprints
from apps.warehouse.sql.duckdb_sql import FILE, grouped_count, latest_tries
from apps.warehouse.turns import Turns

ONE_AT_A_TIME = threading.Lock()
A_SCRIPT = "a script that the console has DuckDB perform"
TABLES_AT_ONCE = 25  # in one query
ROWS_AT_ONCE = 10_000  # are held in memory beside what is made of them
PLANNED = {
    duckdb.StatementType.SELECT,
    duckdb.StatementType.INSERT,
    duckdb.StatementType.UPDATE,
    duckdb.StatementType.DELETE,
    duckdb.StatementType.MERGE_INTO,
}
# What DuckDB says where a question does not fit its table, or where one table cannot be read, such as a view of a
# Parquet file that is gone; anything else concerns the whole file.
OF_ONE_TABLE = (duckdb.ProgrammingError, duckdb.DataError, duckdb.NotSupportedError, duckdb.IOException)
CORRUPT = "Corrupt database file"  # of a block, as no class of its own

Counts = dict[str, dict[dt.date, Count]]  # by table and date
Parameters = Mapping[str, dt.date | list[dt.date]]  # start, end and dates, those that were given


class DuckDBWarehouse:
    """A warehouse in one DuckDB file."""

    bytes_billed = 0

    def __init__(self, path: Path, *, patience: float = timing.DUCKDB_OPEN_RETRY_FOR, timezone: str = "UTC"):
        self.path = path
        self.patience = patience
        self.turns = Turns(path)
        self.timezone = timezone
        self.queries = 0

    def check_connection(self) -> None:
        """Opens the file; Unreachable where it is not there, Busy where another process holds it."""
        with self.opened() as connection:
            connection.execute("SELECT 1")

    def count(
        self,
        questions: Sequence[Question],
        *,
        start: dt.date | None = None,
        end: dt.date | None = None,
        dates: Collection[dt.date] | None = None,
    ) -> Reading:
        """In one query; of very many tables in several, since what is read stays in memory until the file is let go."""
        before = self.queries
        given = {"start": start, "end": end, "dates": None if dates is None else sorted(dates)}
        parameters = {name: value for name, value in given.items() if value is not None}
        questions = [replace(question, timezone=self.timezone) for question in questions]
        counts: Counts = {}
        problems: dict[str, str] = {}
        for first in range(0, len(questions), TABLES_AT_ONCE):
            some = self.count_some(questions[first : first + TABLES_AT_ONCE], parameters)
            counts |= some.counts
            problems |= some.problems
        whole = frozenset(each.table for each in questions if each.whole and each.table in counts)
        undated = frozenset(each.table for each in questions if each.undated and each.table in counts)
        return Reading(counts, problems, self.queries - before, whole=whole, undated=undated)

    def count_some(self, questions: Sequence[Question], parameters: Parameters) -> Reading:
        with self.opened() as connection:
            try:
                reading = count_together(connection, questions, parameters)
            except duckdb.Error as error:
                if not is_of_one_table(error):
                    raise
                # A table or column is not there, cannot be read, or holds what is no date; the others can still answer.
                reading = count_readable(connection, questions, parameters)
                self.require_file()
        self.queries += reading.queries
        return reading

    def scan(self, questions: Sequence[Question], *, start: dt.date, end: dt.date, known: Known) -> Reading:
        """Counts everything: the file does not note when a date was written."""
        return self.count(questions, start=start, end=end)

    def calendar(self, query: str) -> dict[dt.date, int]:
        with self.opened() as connection:
            self.queries += 1
            found = connection.execute(query)
            at, units = calendar_columns([column[0] for column in found.description])
            return units_a_date(((row[at], row[units]) for row in found.fetchall()), self.timezone)

    def history(self, question: HistoryQuestion, *, start: dt.date, end: dt.date) -> list[Try]:
        with self.opened() as connection:
            self.queries += 1
            question = replace(question, timezone=self.timezone)
            try:
                rows = connection.execute(latest_tries(question), {"start": start, "end": end}).fetchall()
            except OF_ONE_TABLE:
                if problems := problems_of(connection, [question]):
                    raise QueryFailed(problems[question.table]) from None
                raise
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
        """Runs the script in this process; a file keeps no jobs, so `job_id` and `labels` are ignored."""
        given = {"start_date": start, "end_date": end}
        with self.opened(read_only=False) as connection, interrupting(connection, timeout, stopped):
            statements = [connection.extract_statements(text)[0] for text in translated(sql)]
            with in_transaction(connection, statements):
                for statement in statements:
                    connection.execute(statement, {name: given[name] for name in statement.named_parameters})
            return len(statements)

    def rehearse(
        self, sql: str, *, start: dt.date, end: dt.date, timeout: float, stopped: Callable[[], bool]
    ) -> str:
        """Plans every statement that reads or writes rows, and performs none of them."""
        given = {"start_date": start, "end_date": end}
        planned = 0
        # A file that is attached to be read does not even plan a statement that writes.
        with self.opened(read_only=False) as connection, interrupting(connection, timeout, stopped):
            for text in translated(sql):
                statement = connection.extract_statements(text)[0]
                if statement.type in PLANNED:
                    wanted = {name: given[name] for name in statement.named_parameters}
                    connection.execute(f"EXPLAIN {text}", wanted)
                    planned += 1
        return f"{count(planned, 'statement')} planned, none performed"

    def end_sql(self, job_id: str) -> bool:
        return False  # a script runs in its caller's process, and ends with it

    def turn_of_reader(self, *, patience: float) -> AbstractContextManager[None]:
        return self.turns.of_reader(patience)

    def turn_of_call(
        self, who: str, *, owner: str, stopped: Callable[[], bool]
    ) -> AbstractContextManager[None]:
        return self.turns.of_call(who, owner=owner, stopped=stopped)

    def end_turn(self, owner: str) -> bool:
        return self.turns.end(owner)

    def fingerprints(self, tables: Sequence[str]) -> Fingerprints:
        """Fingerprints of all tables of the file: by contents, or by rows where the contents are too much to read."""
        with self.opened() as connection:
            there = connection.execute(fingerprints.TABLES, [FILE]).fetchall()
            contents = sum(rows for _, _, rows in there) <= fingerprints.MOST_ROWS
            named = [(schema, name) for schema, name, _ in there]
            sql = fingerprints.of_rows(named, contents=contents)
            found = connection.execute(sql).fetchall() if named else []
        what = "rows and contents" if contents else "rows, not the contents,"
        return Fingerprints(
            {table: f"{rows} {total}" for table, rows, total in found},
            f"{what} of all {len(found)} tables of the file",
        )

    @contextmanager
    def opened(self, *, read_only: bool = True) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection with the file attached; an error of DuckDB within is raised as a WarehouseError."""
        with self.turns.reading() if read_only else self.turns.of_call(A_SCRIPT), turn(self.patience):
            connection = host().cursor()
            try:
                self.attach(connection, read_only=read_only)
                # How a moment with a zone is printed must not depend on where this runs.
                connection.execute(f"USE {FILE}; SET TimeZone = 'UTC'")
                yield connection
            except duckdb.InterruptException as error:
                raise Interrupted("the statement was ended before its end") from error
            except duckdb.Error as error:
                raise QueryFailed(first_line(error)) from error
            finally:
                connection.close()  # what was not committed is rolled back
                host().execute(f"DETACH DATABASE IF EXISTS {FILE}")

    def require_file(self) -> None:
        """Unreachable where the file went away while it was read: then no table is broken."""
        try:
            with self.path.open("rb") as file:
                file.read(1)
        except OSError as error:
            raise Unreachable(
                f"the warehouse file {self.path} went away while it was read: {error}"
            ) from error

    def attach(self, connection: duckdb.DuckDBPyConnection, *, read_only: bool) -> None:
        """Waits for a file that another process holds; Busy where that lasts."""
        retrying = Retrying(
            retry=retry_if_exception_type(Busy),
            wait=wait_random(0.005, 0.05),
            stop=stop_after_delay(self.patience),
            reraise=True,
        )
        retrying(self.try_to_attach, connection, "READ_ONLY" if read_only else "READ_WRITE")

    def try_to_attach(self, connection: duckdb.DuckDBPyConnection, mode: str) -> None:
        if not self.path.is_file():  # asked each time: to write, DuckDB would make a new one
            raise Unreachable(f"the warehouse file {self.path} does not exist")
        path = str(self.path).replace("'", "''")
        try:
            connection.execute(f"ATTACH '{path}' AS {FILE} (TYPE duckdb, {mode})")
        except duckdb.Error as error:
            if isinstance(error, duckdb.IOException) and "Could not set lock" in str(error):
                raise Busy(f"another process holds the warehouse file: {holder(error)}") from error
            raise Unreachable(f"the warehouse file cannot be opened: {first_line(error)}") from error


@cache
def host() -> duckdb.DuckDBPyConnection:
    """This process's own DuckDB, without data: attaching a file to it costs 1 ms, a new one for each call 15."""
    # What a scan needs for a moment goes back to the system at once: a worker stays 20 MB smaller than with 1 MB.
    give_back = {"allocator_flush_threshold": "64KB", "allocator_bulk_deallocation_flush_threshold": "64KB"}
    return duckdb.connect(config={**give_back})


@contextmanager
def turn(patience: float) -> Iterator[None]:
    """Threads of one process take turns, since they cannot hold the file in two modes at once."""
    if not ONE_AT_A_TIME.acquire(timeout=patience):
        raise Busy("the warehouse file is open in this process, for another call")
    try:
        yield
    finally:
        ONE_AT_A_TIME.release()


def count_together(
    connection: duckdb.DuckDBPyConnection, questions: Sequence[Question], parameters: Parameters
) -> Reading:
    """Counts all tables in one query; a duckdb.Error where one of them cannot be read."""
    if not questions:
        return Reading()
    if all(question.whole for question in questions):
        parameters = {}
    counts: Counts = {question.table: {} for question in questions}
    parts = [grouped_count(place, question, parameters) for place, question in enumerate(questions)]
    of_place = [counts[question.table] for question in questions]
    days: dict[dt.date, dt.date] = {}  # each date is kept once, not once a table
    found = connection.execute("\nUNION ALL\n".join(parts), parameters or None)
    with no_collection():
        while some := found.fetchmany(ROWS_AT_ONCE):
            for place, date, *sums in some:
                of_place[place][days.setdefault(date, date)] = as_count(*sums)
    return Reading(counts, queries=1)


def is_of_one_table(error: duckdb.Error) -> bool:
    """Whether other tables may answer although one question failed with this error."""
    return isinstance(error, OF_ONE_TABLE) or CORRUPT in str(error)


@contextmanager
def no_collection() -> Iterator[None]:
    """Turns garbage collection off: it would search the many thousands of counts again and again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def count_readable(
    connection: duckdb.DuckDBPyConnection, questions: Sequence[Question], parameters: Parameters
) -> Reading:
    """Counts the tables that can be read, in one query where that is possible; the others are problems."""
    problems = problems_of(connection, questions)
    rest = [question for question in questions if question.table not in problems]
    try:
        reading = count_together(connection, rest, parameters)
    except duckdb.Error as error:
        if not is_of_one_table(error):
            raise
        reading = count_separately(connection, rest, parameters)
    return Reading(reading.counts, problems | reading.problems, queries=2 + reading.queries)


def count_separately(
    connection: duckdb.DuckDBPyConnection, questions: Sequence[Question], parameters: Parameters
) -> Reading:
    """Counts each table in a query of its own, which alone tells the ones that cannot be counted."""
    counts: Counts = {}
    problems = {}
    for question in questions:
        try:
            counts |= count_together(connection, [question], parameters).counts
        except duckdb.Error as error:
            if not is_of_one_table(error):
                raise
            problems[question.table] = f"table {question.table} cannot be counted: {first_line(error)}"
    return Reading(counts, problems, queries=1 + len(questions))


def translated(sql: str) -> Sequence[str]:
    from apps.warehouse.sql.translation import for_duckdb  # a slow import, which only scripts need

    return for_duckdb(sql)


def check(sql: str) -> None:
    """Raises QueryFailed where DuckDB could not run the script, as far as can be seen without its tables."""
    from apps.warehouse.sql import translation

    connection = host().cursor()
    for text in translation.for_duckdb(sql):
        try:
            connection.extract_statements(text)
            for form in translation.time_formats(text):
                connection.execute("SELECT strftime(TIMESTAMP '2024-01-01', $form)", {"form": form})
        except duckdb.Error as error:
            raise translation.NoLike(first_line(error)) from error
        for name in translation.functions(text):
            if name not in functions_and_keywords():
                raise translation.NoLike(f"it has no function {name.upper()}")


@cache
def functions_and_keywords() -> frozenset[str]:
    """Functions, and keywords of SQL that look like some, in lower case."""
    sql = "SELECT DISTINCT function_name FROM duckdb_functions() UNION SELECT keyword_name FROM duckdb_keywords()"
    return frozenset(name.lower() for (name,) in host().cursor().execute(sql).fetchall())


@contextmanager
def in_transaction(
    connection: duckdb.DuckDBPyConnection, statements: Sequence[duckdb.Statement]
) -> Iterator[None]:
    """All statements or none: in a transaction around them, unless the script brings its own."""
    own = any(statement.type == duckdb.StatementType.TRANSACTION for statement in statements)
    if not own:
        connection.execute("BEGIN")
    yield
    if not own:
        connection.execute("COMMIT")
    elif roll_back(connection):
        raise QueryFailed("the script begins a transaction and does not end it; add COMMIT. Nothing was kept")


def roll_back(connection: duckdb.DuckDBPyConnection) -> bool:
    """Rolls back the open transaction; returns whether there was one."""
    try:
        connection.execute("ROLLBACK")
    except duckdb.TransactionException:
        return False
    return True


def problems_of(
    connection: duckdb.DuckDBPyConnection, questions: Sequence[Question | HistoryQuestion]
) -> dict[str, str]:
    """The tables that do not exist or lack a column, with the reason."""
    has: dict[str, set[str]] = {}
    for table, column in connection.execute(
        "SELECT table_schema || '.' || table_name, column_name FROM information_schema.columns "
        f"WHERE table_catalog = '{FILE}'"
    ).fetchall():
        has.setdefault(table.lower(), set()).add(column.lower())
    found = {question.table: lacking(question, has.get(question.table.lower())) for question in questions}
    return {table: problem for table, problem in found.items() if problem}


@contextmanager
def interrupting(
    connection: duckdb.DuckDBPyConnection, timeout: float, stopped: Callable[[], bool]
) -> Iterator[None]:
    """Interrupts the connection's statement after `timeout` seconds, or once `stopped()` is true."""
    done = threading.Event()
    deadline = time.monotonic() + timeout

    def watch() -> None:
        while not done.wait(0.2):
            if stopped() or time.monotonic() > deadline:
                connection.interrupt()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def first_line(error: Exception) -> str:
    return masking.text(str(error).strip().splitlines()[0].rstrip("!"))


def holder(error: Exception) -> str:
    """The process that holds the file, from DuckDB's message (`Conflicting lock is held in ... (PID 42)`)."""
    found = re.search(r"Conflicting lock is held in (.+?)(?:\. |$)", first_line(error))
    return found[1] if found else first_line(error)
