"""Shared code of the job scripts: arguments, log, and filling one date after another.

A job behaves like the real jobs that it stands for: it continues after a failed date, logs the error on
stderr only, and exits with 0.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

log = logging.getLogger("job")

BUSY_SECONDS = 10.0


class JobError(Exception):
    """A date, or the whole call, failed; the message is for a person."""


@dataclass(frozen=True)
class Job:
    """How one table is filled: `sql` selects its rows from $start_date to $end_date, without processed_at."""

    table: str
    date_column: str
    sql: str
    starts_phase_4: bool = False
    skip_first_days: int = 0

    @property
    def name(self) -> str:
        return self.table.split(".")[1]


@dataclass(frozen=True)
class GameDay:
    """A date of the calendar."""

    games: int
    day_of_season: int


def run(job: Job, argv: Sequence[str] | None = None) -> int:
    """Fill the dates of the arguments. Returns 0 if all dates were tried, 1 if none could be."""
    options = read_arguments(job, argv)
    logging.basicConfig(
        format="%(asctime)s %(levelname)s %(message)s", datefmt="%Y-%m-%d %H:%M:%S", level=logging.INFO
    )
    try:
        return fill_dates(job, options)
    except JobError as error:
        print(f"{job.name}: {error}", file=sys.stderr)
        return 1


def read_arguments(job: Job, argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=f"{job.name}.py", description=f"Fill {job.table}.")
    parser.add_argument("--start-date", type=date.fromisoformat, metavar="D")
    parser.add_argument("--end-date", type=date.fromisoformat, metavar="D")
    parser.add_argument("--dates", type=date_list, metavar="D,D,D", help="instead of a range")
    parser.add_argument("--dry-run", action="store_true", help="compute, write nothing")
    parser.add_argument("--backfill-mode", action="store_true", help="take fallback sources without waiting")
    parser.add_argument("--skip-downstream-trigger", action="store_true", help="do not start Phase 4")
    options = parser.parse_args(argv)
    options.days = days_asked_for(parser, options)
    return options


def date_list(text: str) -> list[date]:
    return sorted({date.fromisoformat(part.strip()) for part in text.split(",")})


def days_asked_for(parser: argparse.ArgumentParser, options: argparse.Namespace) -> list[date]:
    if options.dates:
        if options.start_date or options.end_date:
            parser.error("give either --dates or --start-date and --end-date")
        return options.dates
    if not (options.start_date and options.end_date):
        parser.error("--start-date and --end-date are needed, or --dates")
    if options.start_date > options.end_date:
        parser.error("--start-date is after --end-date")
    length = (options.end_date - options.start_date).days + 1
    return [options.start_date + timedelta(days=n) for n in range(length)]


def fill_dates(job: Job, options: argparse.Namespace) -> int:
    warehouse = Warehouse.from_environment()
    calendar = game_days(warehouse, options.days)
    if job.starts_phase_4 and not options.skip_downstream_trigger:
        log.warning("--skip-downstream-trigger is not set: every finished date will start Phase 4")
    failed = 0
    for number, day in enumerate(options.days, start=1):
        log.info("Processing day %d/%d: %s", number, len(options.days), day)
        reason = why_not(job, calendar.get(day))
        if reason:
            log.info("%s, skipped", reason)
        else:
            failed += not fill_date(job, options, warehouse, day, calendar[day].games)
    log.info("Finished %s: %d dates, %d failed", job.name, len(options.days), failed)
    return 0


def why_not(job: Job, game_day: GameDay | None) -> str:
    if game_day is None:
        return "no games"
    if game_day.day_of_season <= job.skip_first_days:
        return f"bootstrap, day {game_day.day_of_season} of the season"
    return ""


def fill_date(job: Job, options: argparse.Namespace, warehouse: Warehouse, day: date, games: int) -> bool:
    """Fill one date in one transaction. False if it failed, which is in the log and the run history."""
    started_at = utc_now()
    try:
        rows = warehouse.compute(job, day)
        if not options.backfill_mode:
            refuse_fallbacks(warehouse, job)
        if options.dry_run:
            log.info("would write %d rows for %d games", rows, games)
            return True
        warehouse.replace(job, day, started_at, announce=not options.skip_downstream_trigger)
    except (duckdb.Error, JobError) as error:
        # One date's error must not stop the other dates.
        message = str(error).splitlines()[0]
        log.error("%s: %s", day, message)
        if not options.dry_run:
            warehouse.note_failure(job, day, started_at, message)
        return False
    if rows:
        log.info("wrote %d rows for %d games", rows, games)
    else:
        log.info("success, 0 records")
    return True


def refuse_fallbacks(warehouse: Warehouse, job: Job) -> None:
    """Without --backfill-mode a date waits for its preferred source; a backfill uses the fallback."""
    columns = warehouse.computed_columns()
    if "used_fallback" in columns and warehouse.computed_fallbacks():
        raise JobError(f"the preferred source of {job.name} has no rows yet")


def utc_now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def game_days(warehouse: Warehouse, days: list[date]) -> dict[date, GameDay]:
    """Games and day of season of the days with a final game."""
    query = """
        WITH seasons AS (
            SELECT season, min(game_date) AS opening
            FROM nba_raw.nbac_schedule WHERE game_status = 3 GROUP BY season
        )
        SELECT game_date, count(*), any_value(game_date - opening + 1)
        FROM nba_raw.nbac_schedule JOIN seasons USING (season)
        WHERE game_status = 3 AND game_date BETWEEN $first AND $last
        GROUP BY game_date
    """
    with warehouse.open(read_only=True) as connection:
        rows = connection.execute(query, {"first": days[0], "last": days[-1]}).fetchall()
    return {day: GameDay(games, day_of_season) for day, games, day_of_season in rows}


# DuckDB returns freed memory to the system at once: the demo shares a small machine.
GIVE_BACK = {"allocator_flush_threshold": "64KB", "allocator_bulk_deallocation_flush_threshold": "64KB"}


class Warehouse:
    """The DuckDB file, attached only briefly: one writing process at a time may open it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connection = duckdb.connect(config={**GIVE_BACK})
        self.connection.execute("SET threads = 1")

    @classmethod
    def from_environment(cls) -> Warehouse:
        value = os.environ.get("WAREHOUSE", "")
        if not value:
            raise JobError("the environment variable WAREHOUSE does not name the warehouse file")
        return cls(Path(value))

    @contextmanager
    def open(self, *, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        attach_with_retries(self.connection, self.path, read_only=read_only)
        try:
            self.connection.execute("USE warehouse")
            yield self.connection
        finally:
            self.connection.execute("USE memory")
            self.connection.execute("DETACH warehouse")

    def compute(self, job: Job, day: date) -> int:
        """Compute the rows of a date in memory, so that the file is open only briefly for writing."""
        with self.open(read_only=True) as connection:
            connection.execute(
                f"CREATE OR REPLACE TEMP TABLE computed AS {job.sql}", {"start_date": day, "end_date": day}
            )
        return self.connection.execute("SELECT count(*) FROM temp.computed").fetchall()[0][0]

    def computed_columns(self) -> list[str]:
        return [row[0] for row in self.connection.execute("DESCRIBE temp.computed").fetchall()]

    def computed_fallbacks(self) -> int:
        query = "SELECT count(*) FROM temp.computed WHERE used_fallback"
        return self.connection.execute(query).fetchall()[0][0]

    def replace(self, job: Job, day: date, started_at: datetime, *, announce: bool) -> None:
        with self.open() as connection, transaction(connection):
            connection.execute(f"DELETE FROM {job.table} WHERE {job.date_column} = $day", {"day": day})
            connection.execute(
                f"INSERT INTO {job.table} BY NAME SELECT *, $now AS processed_at FROM temp.computed",
                {"now": utc_now()},
            )
            note_history(connection, job, day, started_at, status="success", errors=None)
            if job.starts_phase_4 and announce:
                connection.execute(
                    "INSERT INTO nba_ops.triggers VALUES ($table, $day, $now)",
                    {"table": job.table, "day": day, "now": utc_now()},
                )

    def note_failure(self, job: Job, day: date, started_at: datetime, message: str) -> None:
        try:
            with self.open() as connection, transaction(connection):
                note_history(connection, job, day, started_at, status="failed", errors=message)
        except (duckdb.Error, JobError) as error:
            log.warning("the run history could not be written: %s", str(error).splitlines()[0])


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    connection.execute("BEGIN")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def note_history(
    connection: duckdb.DuckDBPyConnection,
    job: Job,
    day: date,
    started_at: datetime,
    *,
    status: str,
    errors: str | None,
) -> None:
    seconds = round((utc_now() - started_at).total_seconds(), 3)
    connection.execute(
        "INSERT INTO nba_ops.processor_run_history VALUES (?, ?, ?, ?, ?, ?)",
        [job.name, day, status, started_at, seconds, errors],
    )


def attach_with_retries(connection: duckdb.DuckDBPyConnection, path: Path, *, read_only: bool) -> None:
    """Attach the file, waiting while another process holds it."""
    mode = " (READ_ONLY)" if read_only else ""
    quoted = str(path).replace("'", "''")
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        # DuckDB would make a new file, and a warehouse that is away would be an empty one.
        if not path.is_file():
            raise JobError(f"there is no warehouse at {path}; put it back, or let demo/build.py make one")
        try:
            connection.execute(f"ATTACH '{quoted}' AS warehouse{mode}")
            return
        except duckdb.IOException as error:
            if "lock" not in str(error):
                raise
            if time.monotonic() > deadline:
                raise JobError(f"the warehouse was busy for {BUSY_SECONDS:.0f} seconds") from error
            time.sleep(random.uniform(0.005, 0.05))
