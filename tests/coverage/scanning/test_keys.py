"""Where a table declares a key, different keys count: the right number of rows with the wrong keys is not complete."""

import json

import pytest
from django.core.management import call_command

from apps.coverage import regressions
from apps.coverage.models import Partition, Scan
from apps.coverage.scanning import full_scan, warehouses
from apps.pipeline import definition
from apps.runs.models import Run
from tests.conftest import day
from tests.runs.conftest import step

SECOND = {"tables": ["daily.sales"], "start": day("01-02"), "end": day("01-02")}
TWICE = "12 rows with 6 different keys, expected 12: 6 rows too many of the same key"
TEAM_GONE = "18 rows with 17 different keys, expected 18: 1 row too many of the same key"


def sales() -> Partition:
    return Partition.objects.get(table="daily.sales", date=day("01-02"))


@pytest.fixture
def nine_games(ask) -> None:
    """18 rows are expected on the second, one for each team of nine games; all are there."""
    ask("UPDATE raw.days SET orders = 9 WHERE day = ?", day("01-02"))
    ask("INSERT INTO daily.sales SELECT ?, i, NULL FROM range(18) rows(i)", day("01-02"))


@pytest.fixture
def team_gone(nine_games, ask) -> None:
    """The rows are 18 still, but one team has none and another one two."""
    ask("UPDATE daily.sales SET item = 0 WHERE item = 17")


@pytest.fixture
def twelve_stations(rewrite, ask, fault) -> None:
    """12 rows are expected on the second, and the job writes those of 6 stations twice."""
    rewrite("rows = { per_unit = [2, 2] }", "rows = { between = [12, 12] }")
    ask("UPDATE raw.days SET orders = 6 WHERE day = ?", day("01-02"))
    fault("daily.sales", "01-02", "6 different keys")


def test_a_scan_finds_a_date_thin_if_one_key_is_duplicated_and_one_missing(team_gone, first_scan):
    assert (sales().state, sales().reason) == ("thin", TEAM_GONE)
    assert (sales().rows, sales().keys) == (18, 17)


def test_a_plan_includes_a_date_with_one_duplicated_and_one_missing_key(team_gone, plan):
    assert [entry.date for entry in plan(**SECOND).steps] == [day("01-02")]


def test_scan_coverage_and_verification_agree_on_a_missing_key(team_gone, scan, verify, capsys):
    report = verify(**SECOND)
    by_verification = sales().state
    scan()
    call_command("coverage", "--json", "--table=daily.sales")
    table = json.loads(capsys.readouterr().out)["tables"][0]

    assert report.verdict == "not passed"
    assert report.reasons[0].text == "sales is thin on 1 of 1 date: 2024-01-02."
    assert by_verification == sales().state == "thin"
    assert (table["thin"], table["complete"]) == (1, 0)


def test_a_duplicated_key_beside_all_expected_keys_is_an_excess(nine_games, ask, scan):
    ask("INSERT INTO daily.sales SELECT ?, 3, NULL", day("01-02"))
    scan()

    assert sales().state == "excess"
    assert sales().reason.endswith("1 row too many of the same key")


def test_a_run_fails_if_its_job_writes_duplicate_keys(twelve_stations, launch, drive):
    run = drive(launch(**SECOND))

    assert run.status == Run.Status.FAILED
    assert (step(run, "01-02").status, step(run, "01-02").message) == ("failed", f"thin: {TWICE}")


def test_scan_and_plan_agree_with_the_run_on_duplicate_keys(twelve_stations, launch, drive, scan, plan):
    drive(launch(**SECOND))
    by_run = sales().reason
    scan()

    assert by_run == sales().reason == TWICE
    assert [entry.date for entry in plan(**SECOND).steps] == [day("01-02")]


# Lost keys ----------------------------------------------------------------------------------------


def test_fewer_keys_than_when_it_was_complete_are_a_regression(nine_games, ask, scan, pipeline):
    scan()
    ask("UPDATE daily.sales SET item = 0 WHERE item = 17")
    scan()

    assert [loss.sentence for loss in regressions.losses(pipeline)] == [
        "sales lost 1 different key on 1 date that was complete: 2024-01-02"
    ]


def test_a_change_of_the_key_columns_is_not_a_regression(nine_games, rewrite, first_scan):
    rewrite('key = ["item"]', 'key = ["written_at"]')
    other = definition.current()
    full_scan.scan(other, warehouses.open_warehouse(other), Scan.objects.create())

    assert (sales().state, sales().keys) == ("thin", 1)
    assert not Partition.objects.regressions().exists()


def test_a_date_refilled_with_all_its_keys_is_not_a_regression(team_gone, launch, drive, scan):
    scan()
    drive(launch(**SECOND))
    scan()

    assert (sales().state, sales().complete_keys) == ("complete", 18)
    assert not Partition.objects.regressions().exists()
