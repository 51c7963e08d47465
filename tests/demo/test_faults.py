"""The faults that are planted in the demo's data do what demo/README.md says, and nothing beyond."""

import re
from datetime import date, timedelta

import pytest

from tests.demo.reference import PHASE_3

ALL_STAR_DATES = ["2022-02-18", "2022-02-20", "2023-02-17", "2023-02-19", "2024-02-16", "2024-02-18"]
WRONG_ROWS = [
    ("team_offense_game_summary", "2022-12-12", 0, "success, 0 records"),
    ("upcoming_team_game_context", "2022-01-19", 2, "wrote 2 rows for 8 games"),
    ("team_defense_game_summary", "2023-12-01", 80, "wrote 80 rows for 10 games"),
]
FAULTS = [(table, day) for table, day, _, _ in WRONG_ROWS]


def test_an_overflow_fails_the_all_star_dates_and_the_job_goes_on_and_exits_0(demo):
    log = demo.backfill("player_game_summary", "2022-02-17", "2022-02-24")

    assert [line.split(": ")[0][-10:] for line in log.splitlines() if "ERROR" in line] == ALL_STAR_DATES[:2]
    assert demo.complete("player_game_summary") >= {date(2022, 2, 17), date(2022, 2, 24)}
    assert not {date(2022, 2, 18), date(2022, 2, 20)} & set(demo.rows("player_game_summary"))


def test_the_overflows_differ_in_date_and_number_only(demo):
    log = demo.run("player_game_summary", "--dates", ",".join(ALL_STAR_DATES), "--backfill-mode").stderr
    errors = re.findall(r"ERROR (.+)", log)

    assert [error[:10] for error in errors] == ALL_STAR_DATES
    assert len({re.search(r"value ([\d.]+)", error)[1] for error in errors}) == 6
    assert {re.sub(r"[\d.]+", "#", error[10:]) for error in errors} == {
        ": Conversion Error: Could not cast value # to DECIMAL(#,#)"
    }


@pytest.mark.parametrize("table", [table for table in PHASE_3 if table != "player_game_summary"])
def test_the_other_tables_succeed_on_the_all_star_dates(demo, table):
    demo.run(table, "--dates", ",".join(ALL_STAR_DATES), "--backfill-mode", "--skip-downstream-trigger")

    assert demo.complete(table) >= {date.fromisoformat(day) for day in ALL_STAR_DATES}


@pytest.mark.parametrize(("table", "day", "rows", "line"), WRONG_ROWS)
def test_job_reports_success_with_a_wrong_row_count(demo, table, day, rows, line):
    log = demo.backfill(table, day, day)

    assert "ERROR" not in log
    assert line in log
    assert demo.rows(table).get(date.fromisoformat(day), 0) == rows
    assert demo.out_of_bounds(table, [date.fromisoformat(day)])


@pytest.mark.parametrize(("table", "day"), FAULTS)
def test_days_around_a_fault_have_the_expected_rows(demo, table, day):
    fault = date.fromisoformat(day)
    around = [fault + timedelta(days=n) for n in (-1, 1)]

    demo.backfill(table, str(around[0]), str(around[1]))

    assert demo.out_of_bounds(table, around) == {}


@pytest.mark.parametrize(("faulty", "day"), FAULTS)
def test_a_fault_touches_one_table_only(demo, faulty, day):
    for table in set(PHASE_3) - {faulty}:
        demo.backfill(table, day, day)

        assert demo.out_of_bounds(table, [date.fromisoformat(day)]) == {}


def test_a_bootstrap_date_has_rows_from_the_start(built):
    assert built.rows("ml_feature_store")[date(2023, 10, 26)] > 0
