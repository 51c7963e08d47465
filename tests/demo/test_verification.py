"""The demo, verified: its test window before and after a run, its planted faults, and all of it at once."""

import json

import pytest
from django.core.management import call_command

from apps.pipeline import definition
from tests.demo.reference import DEMO, PHASE_3

WINDOW = ("2024-01-15", "2024-01-28")


@pytest.fixture
def verified(demo, settings, monkeypatch, db, capsys):
    """Verifies the demo's own warehouse, as a shell does; exit code and report."""
    monkeypatch.setenv("DEMO_WAREHOUSE", str(demo.path))
    settings.PIPELINE = DEMO / "pipeline.toml"
    definition.load.cache_clear()

    def run(*words: str) -> tuple[int, dict]:
        with pytest.raises(SystemExit) as end:
            call_command("verify", *words, "--json")
        return int(end.value.code or 0), json.loads(capsys.readouterr().out)

    yield run
    definition.load.cache_clear()


def reasons(report: dict) -> list[str]:
    return [reason["text"] for reason in report["reasons"]]


def test_verification_of_the_test_window_passes_only_after_its_backfill(demo, verified):
    code, before = verified(*WINDOW, "--phase", "3")

    assert (code, before["verdict"]) == (1, "not passed")
    assert reasons(before) == [
        f"{table} is missing on 14 of 14 dates: 2024-01-15 to 2024-01-28." for table in PHASE_3
    ]

    for table in PHASE_3:
        demo.backfill(table, *WINDOW)

    code, after = verified(*WINDOW, "--phase", "3")
    assert (code, after["verdict"], after["reasons"]) == (0, "passed", [])


@pytest.mark.parametrize(
    ("table", "day", "state", "says"),
    [
        ("team_offense_game_summary", "2022-12-12", "missing", "is missing on 1 of 1 date"),
        ("upcoming_team_game_context", "2022-01-19", "thin", "is thin on 1 of 1 date"),
        ("team_defense_game_summary", "2023-12-01", "excess", "has an excess of rows on 1 of 1 date"),
    ],
)
def test_wrong_row_count_does_not_pass_even_if_the_job_reports_success(
    demo, verified, table, day, state, says
):
    demo.backfill(table, day, day)

    code, report = verified(day, day, "--table", table)

    assert (code, report["tables"][0]["counts"][state]) == (1, 1)
    assert reasons(report)[0] == f"{table} {says}: {day}."
    assert report["history"]["failures"] == []


def test_rows_on_a_bootstrap_date_do_not_pass(verified):
    code, report = verified("2023-10-24", "2023-10-30", "--table", "ml_feature_store")

    assert (code, reasons(report)) == (
        1,
        ["ml_feature_store has rows on 1 date without any expected: 2023-10-26."],
    )


def test_run_history_lists_failed_dates_with_their_errors(demo, verified):
    demo.backfill("player_game_summary", "2022-02-17", "2022-02-20")

    _, report = verified("2022-02-17", "2022-02-20", "--table", "player_game_summary")

    failures = report["history"]["failures"]
    assert [failure["date"] for failure in failures] == ["2022-02-18", "2022-02-20"]
    assert all("DECIMAL(5,2)" in failure["errors"] for failure in failures)


def test_verification_of_the_whole_demo_takes_four_queries(verified):
    """The calendar, what is not final in it, all tables, the run history."""
    _, report = verified()

    assert (report["dates_expected"], len(report["tables"]), report["queries"]) == (675, 17, 4)
