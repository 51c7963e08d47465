"""The demo's jobs keep the manners of their owners' jobs."""

import threading
from datetime import date

import duckdb
import pytest

from demo.jobs import common
from tests.demo.reference import BACKFILL, PHASE_3, TABLES

WEDNESDAY = "2024-01-17"
SCRIPTS = [name for name, table in TABLES.items() if "command" in table.get("job", {})]


@pytest.mark.parametrize("table", PHASE_3)
def test_a_dry_run_writes_nothing(demo, table):
    before = demo.ask("SELECT count(*) FROM nba_ops.processor_run_history")

    result = demo.run(table, "--dates", WEDNESDAY, "--dry-run", *BACKFILL)

    assert result.returncode == 0
    assert "would write" in result.stderr
    assert date(2024, 1, 17) not in demo.rows(table)
    assert demo.ask("SELECT count(*) FROM nba_ops.processor_run_history") == before


@pytest.mark.parametrize("table", SCRIPTS)
def test_a_job_takes_a_list_of_dates(demo, table):
    result = demo.run(table, "--dates", "2024-01-17,2024-01-19", "--backfill-mode")

    assert result.returncode == 0
    assert "Processing day 1/2: 2024-01-17" in result.stderr
    assert "Processing day 2/2: 2024-01-19" in result.stderr


def test_a_range_is_every_day_of_it_and_days_without_games_are_skipped(demo):
    log = demo.backfill("team_offense_game_summary", "2023-12-02", "2023-12-04")

    assert "Processing day 3/3: 2023-12-04" in log
    assert "no games, skipped" in log
    assert set(demo.rows("team_offense_game_summary")) == {date(2023, 12, 2), date(2023, 12, 4)}


def test_filling_a_date_again_changes_nothing(demo):
    demo.backfill("player_game_summary", WEDNESDAY, WEDNESDAY)
    once = demo.rows("player_game_summary")

    demo.backfill("player_game_summary", WEDNESDAY, WEDNESDAY)

    assert demo.rows("player_game_summary") == once


def test_every_date_is_noted_in_the_run_history(demo):
    demo.backfill("player_game_summary", "2022-02-17", "2022-02-18")

    notes = demo.ask(
        "SELECT data_date, status, errors FROM nba_ops.processor_run_history "
        "WHERE processor_name = 'player_game_summary' AND data_date BETWEEN '2022-02-17' AND '2022-02-18' "
        "ORDER BY data_date"
    )

    assert [(day.day, status) for day, status, _ in notes] == [(17, "success"), (18, "failed")]
    assert "Could not cast value" in notes[1][2]


def test_finished_date_triggers_phase_4_unless_the_trigger_is_skipped(demo):
    result = demo.run("team_offense_game_summary", "--dates", WEDNESDAY, "--backfill-mode")

    assert "WARNING --skip-downstream-trigger is not set" in result.stderr
    assert demo.ask("SELECT table_name, data_date FROM nba_ops.triggers") == [
        ("nba_analytics.team_offense_game_summary", date(2024, 1, 17))
    ]


def test_skip_downstream_trigger_writes_no_trigger(demo):
    demo.backfill("team_offense_game_summary", WEDNESDAY, WEDNESDAY)

    assert demo.ask("SELECT * FROM nba_ops.triggers") == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["--start-date", WEDNESDAY],
        ["--start-date", WEDNESDAY, "--end-date", "2024-01-16"],
        ["--start-date", WEDNESDAY, "--end-date", "tomorrow"],
        ["--dates", WEDNESDAY, "--end-date", WEDNESDAY],
        ["--no-such-switch"],
    ],
)
def test_invalid_arguments_exit_2(demo, arguments):
    assert demo.run("player_game_summary", *arguments).returncode == 2


def test_missing_warehouse_is_reported_in_one_line(demo):
    demo.path.unlink()

    result = demo.run("player_game_summary", "--dates", WEDNESDAY)

    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert f"there is no warehouse at {demo.path}" in result.stderr


def test_job_does_not_recreate_a_warehouse_that_was_moved_during_a_call(demo, caplog):
    job = common.Job(table="nba_analytics.team_offense_game_summary", date_column="game_date", sql="SELECT 1")
    options = common.read_arguments(job, ["--dates", WEDNESDAY, *BACKFILL])
    warehouse = common.Warehouse(demo.path)
    assert common.game_days(warehouse, options.days)
    demo.path.rename(demo.path.with_name("moved.duckdb"))

    assert not common.fill_date(job, options, warehouse, options.days[0], games=8)

    assert f"2024-01-17: there is no warehouse at {demo.path}; put it back" in caplog.text
    assert not demo.path.exists()


def test_a_job_waits_while_another_process_holds_the_warehouse(demo):
    holder = duckdb.connect(str(demo.path))
    threading.Timer(1.0, holder.close).start()

    log = demo.backfill("team_offense_game_summary", WEDNESDAY, WEDNESDAY)

    assert "wrote 16 rows" in log


def test_players_come_from_bdl_where_the_gamebook_has_nothing(demo):
    demo.change("DELETE FROM nba_raw.nbac_gamebook_player_stats WHERE game_date = ?", date(2024, 1, 17))

    demo.backfill("player_game_summary", WEDNESDAY, WEDNESDAY)

    assert date(2024, 1, 17) in demo.complete("player_game_summary")
    assert sources(demo, "player_game_summary", "stats_source", date(2024, 1, 17)) == {
        ("bdl_boxscores", True)
    }


def test_job_outside_backfill_mode_fails_a_date_without_its_preferred_source(demo):
    demo.change("DELETE FROM nba_raw.nbac_gamebook_player_stats WHERE game_date = ?", date(2024, 1, 17))

    result = demo.run("player_game_summary", "--dates", WEDNESDAY, "--skip-downstream-trigger")

    assert "ERROR 2024-01-17: the preferred source of player_game_summary has no rows yet" in result.stderr
    assert date(2024, 1, 17) not in demo.rows("player_game_summary")


@pytest.mark.parametrize("table", ["team_offense_game_summary", "team_defense_game_summary"])
def test_team_totals_are_rebuilt_from_players_where_there_is_no_team_boxscore(demo, table):
    opening = date(2021, 10, 19)

    demo.backfill(table, str(opening), str(opening))

    assert opening in demo.complete(table)
    assert sources(demo, table, "zone_source", opening) == {(None, True)}


def test_shot_zones_come_from_the_play_by_play_where_bigdataball_has_nothing(demo):
    day = date(2024, 11, 15)
    zones = "SELECT sum(paint_attempts), sum(three_makes) FROM nba_analytics.team_offense_game_summary"
    demo.backfill("team_offense_game_summary", str(day), str(day))
    from_bigdataball = demo.ask(zones)
    demo.change("DELETE FROM nba_raw.bigdataball_play_by_play WHERE game_date = ?", day)

    demo.backfill("team_offense_game_summary", str(day), str(day))

    assert sources(demo, "team_offense_game_summary", "zone_source", day) == {("nbac_play_by_play", True)}
    assert demo.ask(zones) == from_bigdataball


@pytest.mark.parametrize(
    ("day", "used"),
    [
        ("2024-01-17", {("odds_api", False), (None, False)}),
        ("2022-01-17", {("bettingpros", True), (None, False)}),
        ("2021-10-19", {(None, False)}),
    ],
)
def test_points_lines_come_from_odds_api_else_bettingpros_else_there_are_none(demo, day, used):
    demo.backfill("upcoming_player_game_context", day, day)

    assert sources(demo, "upcoming_player_game_context", "line_source", date.fromisoformat(day)) == used


def sources(demo, table: str, column: str, day: date) -> set[tuple]:
    query = f"SELECT DISTINCT {column}, used_fallback FROM {TABLES[table]['name']} WHERE game_date = ?"
    return set(demo.ask(query, day))
