"""What the demo's warehouse holds before anybody has pressed a button."""

from datetime import date

import pytest

from tests.demo.reference import DEMO, PHASE_3, PHASE_4, TABLES, days

TEST_WINDOW = set(days("2024-01-15", "2024-01-28"))
PLANTED = {
    date(2022, 2, 18),
    date(2022, 2, 20),
    date(2023, 2, 17),
    date(2023, 2, 19),
    date(2024, 2, 16),
    date(2024, 2, 18),
    date(2022, 12, 12),
    date(2022, 1, 19),
    date(2023, 12, 1),
    date(2023, 10, 26),
}


@pytest.mark.parametrize(
    ("season", "dates"), [("2021-22", 75), ("2022-23", 117), ("2023-24", 119), ("2024-25", 37)]
)
def test_player_stats_are_complete_on_the_latest_dates_of_a_season(built, season, dates):
    usable = [d for d in built.season_dates(season) if d not in TEST_WINDOW | PLANTED]

    assert sorted(set(built.rows("player_game_summary")) & set(built.season_dates(season))) == usable[-dates:]


@pytest.mark.parametrize(
    ("table", "dates"), [("player_game_summary", 348), ("upcoming_player_game_context", 5)]
)
def test_all_prefilled_dates_are_complete(built, table, dates):
    assert len(built.rows(table)) == len(built.complete(table)) == dates


def test_the_context_is_there_where_the_player_stats_are(built):
    assert set(built.rows("upcoming_player_game_context")) <= set(built.rows("player_game_summary"))


@pytest.mark.parametrize(
    "table",
    [t for t in PHASE_3 + PHASE_4 if t not in {"player_game_summary", "upcoming_player_game_context"}],
)
def test_all_other_tables_are_empty_but_for_one_bootstrap_date(built, table):
    expected = {date(2023, 10, 26)} if table == "ml_feature_store" else set()

    assert set(built.rows(table)) == expected


@pytest.mark.parametrize("table", PHASE_3 + PHASE_4)
def test_a_table_has_the_columns_that_the_pipeline_names(built, table):
    columns = {row[0]: row[1] for row in built.ask(f"DESCRIBE {TABLES[table]['name']}")}

    assert columns[TABLES[table]["date_column"]] == "DATE"
    assert columns[TABLES[table]["written_column"]] == "TIMESTAMP"
    if "fallback_column" in TABLES[table]:
        assert columns[TABLES[table]["fallback_column"]] == "BOOLEAN"
    if "quality" in TABLES[table]:
        assert TABLES[table]["quality"]["column"] in columns


def test_every_job_that_the_pipeline_names_exists():
    for table in PHASE_3 + PHASE_4:
        job = TABLES[table]["job"]
        assert (DEMO / (job.get("sql") or job["command"][1])).is_file()


def test_building_again_gives_the_same_data(built, rebuilt):
    assert checksums(rebuilt) == checksums(built)


def checksums(warehouse) -> dict[str, tuple]:
    tables = warehouse.ask("SELECT schema_name || '.' || table_name FROM duckdb_tables()")
    return {
        name: warehouse.ask(f"SELECT count(*), bit_xor(hash(t)), sum(hash(t)) FROM {name} AS t")
        for (name,) in tables
    }
