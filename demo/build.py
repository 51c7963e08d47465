"""Build the demo's warehouse: python demo/build.py [--path FILE] [--force].

The data are the same at every build. Planted faults (more in demo/README.md):

    2022-02-18, 2022-02-20, 2023-02-17, 2023-02-19, 2024-02-16, 2024-02-18
                player_game_summary: the job fails with a numeric overflow, a different number each time
    2022-12-12  team_offense_game_summary: the job exits 0 and writes nothing
    2022-01-19  upcoming_team_game_context: the job writes 2 teams of 16
    2023-12-01  team_defense_game_summary: the job writes 4 times the rows
    2023-10-26  ml_feature_store: rows on a bootstrap date, there from the start
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import groupby
from pathlib import Path

import duckdb
import raw_data
from calendar_of_games import SEASONS, all_games
from jobs import (
    ml_feature_store,
    player_composite_factors,
    player_game_summary,
    player_shot_zone_analysis,
    team_defense_game_summary,
    team_offense_game_summary,
    upcoming_player_game_context,
    upcoming_team_game_context,
)
from jobs.common import Job

HERE = Path(__file__).resolve().parent

TEST_WINDOW = (date(2024, 1, 15), date(2024, 1, 28))
BOOTSTRAP_FAULT_DATE = date(2023, 10, 26)

# The latest dates of each season, less the test window and the planted faults.
COMPLETE_AT_THE_START = {"2021-22": 75, "2022-23": 117, "2023-24": 119, "2024-25": 37}
CONTEXT_DATES_AT_THE_START = 5

PHASE_3_JOBS = (
    player_game_summary.JOB,
    team_defense_game_summary.JOB,
    team_offense_game_summary.JOB,
    upcoming_player_game_context.JOB,
    upcoming_team_game_context.JOB,
)

# The tables of SQL jobs, with their columns in the order of the scripts.
TABLES_OF_SQL_JOBS = """
    CREATE TABLE nba_precompute.team_defense_zone_analysis (
        analysis_date DATE, season VARCHAR, team VARCHAR, games_found INTEGER, defensive_rating DOUBLE,
        paint_accuracy_allowed DOUBLE, mid_accuracy_allowed DOUBLE, three_accuracy_allowed DOUBLE,
        quality_score DECIMAL(5, 2), used_fallback BOOLEAN, processed_at TIMESTAMP
    );
    CREATE TABLE nba_precompute.player_daily_cache (
        cache_date DATE, season VARCHAR, team VARCHAR, player_id INTEGER, player_name VARCHAR,
        games_played INTEGER, points_last_5 DOUBLE, points_last_10 DOUBLE, points_average DOUBLE,
        minutes_average DOUBLE, usage_average DOUBLE, team_pace DOUBLE, fatigue_score INTEGER,
        quality_score DECIMAL(5, 2), processed_at TIMESTAMP
    );
"""

TABLES_OF_OPERATIONS = """
    CREATE TABLE nba_ops.processor_run_history (
        processor_name VARCHAR, data_date DATE, status VARCHAR, started_at TIMESTAMP,
        duration_seconds DOUBLE, errors VARCHAR
    );
    -- Stands for the messages that would trigger Phase 4.
    CREATE TABLE nba_ops.triggers (table_name VARCHAR, data_date DATE, created_at TIMESTAMP);
"""


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Build the demo's warehouse.")
    parser.add_argument("--path", type=Path, default=default_path(), help="default: %(default)s")
    parser.add_argument("--force", action="store_true", help="replace the file if it exists")
    options = parser.parse_args(argv)
    if options.path.exists() and not options.force:
        print(f"{options.path} exists and is kept; --force builds it again")
        return 0
    began = time.monotonic()
    build(options.path)
    size = options.path.stat().st_size / 1e6
    print(f"built {options.path} ({size:.0f} MB) in {time.monotonic() - began:.1f} s")
    return 0


def default_path() -> Path:
    return Path(os.environ.get("DEMO_WAREHOUSE") or HERE.parent / "var" / "demo" / "warehouse.duckdb")


def build(path: Path) -> None:
    """Build beside the path, then move into place, so that no half warehouse is visible."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.building")
    unfinished.unlink(missing_ok=True)
    try:
        with duckdb.connect(str(unfinished)) as connection:
            fill(connection)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def fill(connection: duckdb.DuckDBPyConnection) -> None:
    for schema in ("nba_raw", "nba_analytics", "nba_precompute", "nba_ops"):
        connection.execute(f"CREATE SCHEMA {schema}")
    raw_data.fill(connection, all_games())
    create_filled_tables(connection)
    connection.execute(TABLES_OF_OPERATIONS)
    for job, dates in starting_dates().items():
        for stretch in stretches(dates):
            fill_as_the_job_would(connection, job, stretch)
    plant_rows_on_a_bootstrap_date(connection)


def create_filled_tables(connection: duckdb.DuckDBPyConnection) -> None:
    for job in PHASE_3_JOBS:
        create_table(connection, job)
    connection.execute(TABLES_OF_SQL_JOBS)
    for module in (player_shot_zone_analysis, player_composite_factors, ml_feature_store):
        create_table(connection, module.JOB)


def create_table(connection: duckdb.DuckDBPyConnection, job: Job) -> None:
    """Create the job's table, empty, with the columns of its query."""
    day = SEASONS[0].opening
    connection.execute(
        f"CREATE TABLE {job.table} AS "
        f"SELECT *, CAST(NULL AS TIMESTAMP) AS processed_at FROM ({job.sql}) WHERE FALSE",
        {"start_date": day, "end_date": day},
    )


def starting_dates() -> dict[Job, list[date]]:
    summaries = [day for season in SEASONS for day in latest_dates(season.dates, season.name)]
    return {
        player_game_summary.JOB: summaries,
        upcoming_player_game_context.JOB: summaries[-CONTEXT_DATES_AT_THE_START:],
    }


def latest_dates(days: list[date], season: str) -> list[date]:
    left_out = planted_dates()
    usable = [d for d in days if d not in left_out and not TEST_WINDOW[0] <= d <= TEST_WINDOW[1]]
    return usable[-COMPLETE_AT_THE_START[season] :]


def planted_dates() -> set[date]:
    """The dates on which something is wrong on purpose."""
    return {
        *raw_data.ALL_STAR_DATES,
        raw_data.UNFINISHED_BOXSCORE_DATE,
        raw_data.NO_TIPOFF_DATE,
        raw_data.DOUBLED_BOXSCORE_DATE,
        BOOTSTRAP_FAULT_DATE,
    }


def stretches(dates: Iterable[date]) -> Iterator[tuple[date, date]]:
    """First and last date of each stretch without another game date in between."""
    place = {day: number for number, day in enumerate(raw_data.game_dates())}
    for _, group in groupby(enumerate(sorted(dates)), key=lambda pair: place[pair[1]] - pair[0]):
        days = [day for _, day in group]
        yield days[0], days[-1]


def fill_as_the_job_would(
    connection: duckdb.DuckDBPyConnection, job: Job, stretch: tuple[date, date]
) -> None:
    start, end = stretch
    connection.execute(
        f"INSERT INTO {job.table} BY NAME "
        f"SELECT *, {job.date_column} + INTERVAL 33 HOUR AS processed_at FROM ({job.sql})",
        {"start_date": start, "end_date": end},
    )
    connection.execute(
        f"""
        INSERT INTO nba_ops.processor_run_history
        SELECT DISTINCT $name, {job.date_column}, 'success', {job.date_column} + INTERVAL 33 HOUR, 0.05, NULL
        FROM {job.table} WHERE {job.date_column} BETWEEN $start AND $end ORDER BY ALL
        """,
        {"name": job.name, "start": start, "end": end},
    )


def plant_rows_on_a_bootstrap_date(connection: duckdb.DuckDBPyConnection) -> None:
    """Rows in the first week of a season, which has no history to learn from."""
    connection.execute(
        """
        INSERT INTO nba_precompute.ml_feature_store BY NAME
        SELECT
            game_date AS feature_date, game_id, 'v1_16' AS feature_version, season, team, player_id,
            [points, points, points, minutes] AS features, 41 AS quality_score, FALSE AS used_fallback,
            game_date + INTERVAL 33 HOUR AS processed_at
        FROM nba_raw.nbac_gamebook_player_stats
        JOIN nba_raw.nbac_schedule USING (game_date, game_id)
        WHERE game_date = ? AND player_status = 'active'
        ORDER BY game_id, team, player_id
        """,
        [BOOTSTRAP_FAULT_DATE],
    )


if __name__ == "__main__":
    sys.exit(main())
