"""What pre-flight says of a warehouse: what is there, what is not, and what it could not ask."""

import datetime as dt

import pytest

from apps.runs.models import Preflight
from apps.runs.preflight.finding import Level
from apps.warehouse.base import QueryFailed
from apps.warehouse.duckdb import DuckDBWarehouse
from tests.conftest import day
from tests.runs.preflight.conftest import finding, result


def test_a_warehouse_that_answers_passes(checked, workers):
    told = checked(tables=["daily.sales"])

    assert finding(told, "credentials").level == Level.PASS
    assert finding(told, "table").value == "3 tables"
    assert told.report.verdict == Preflight.Verdict.WARNINGS  # no git, no mail server


def test_without_a_connection_nothing_passes(checked, workers, shop):
    shop.rename(shop.parent / "away.duckdb")

    told = checked()

    asked = [each for each in told.results if each.kind in ("credentials", "table", "coverage", "calendar")]
    assert {each.level for each in asked} == {Level.UNKNOWN} and len(asked) == 4
    assert "does not exist" in finding(told, "coverage").text
    assert told.report.verdict == Preflight.Verdict.NOT_READY
    assert "%" not in str([each.findings for each in asked])


def test_a_warehouse_that_cannot_be_read_is_unknown(checked, workers, shop):
    shop.write_bytes(b"this is no database")

    told = checked()

    assert finding(told, "credentials").level == Level.UNKNOWN
    assert told.report.verdict == Preflight.Verdict.NOT_READY


def test_a_dropped_table_is_named(checked, workers, ask):
    ask("DROP TABLE daily.sales")

    told = checked(tables=["daily.sales"])

    found = finding(told, "table")
    assert found.text == "Table daily.sales does not exist in the warehouse; its job has to create it."
    assert found.level == Level.WARNING


def test_a_dropped_table_that_no_job_of_the_plan_fills_is_a_failure(checked, workers, ask):
    ask("DROP TABLE raw.orders")

    told = checked(tables=["daily.sales"])

    assert finding(told, "table").text == "Table raw.orders does not exist in the warehouse."
    assert "Tables and their columns" in told.why


def test_a_dropped_column_is_named(checked, workers, ask):
    ask("ALTER TABLE daily.sales DROP COLUMN written_at")

    told = checked(tables=["daily.sales"])

    assert finding(told, "table").text == "Table daily.sales has no column written_at."


def test_a_source_that_cannot_be_read_leaves_its_need_unknown(checked, workers, ask):
    ask("ALTER TABLE raw.orders RENAME day TO date")
    ask("DELETE FROM raw.orders_backup WHERE day = ?", day("01-05"))

    found = finding(checked(tables=["daily.sales"]), "coverage")

    assert found.level == Level.UNKNOWN
    assert found.text == "Need Orders could not be read on 1 date."


def test_regressions_give_a_warning(checked, workers, launch, drive, ask):
    drive(launch(tables=["daily.sales"], start=day("01-01"), end=day("01-04")))
    ask("DELETE FROM daily.sales WHERE day = ?", day("01-02"))

    found = finding(checked(tables=["daily.sales"]), "table")

    assert found.level == Level.WARNING
    assert "lost rows on 1 date" in found.text and found.detail == "2024-01-02"


def test_a_dataset_without_any_of_its_tables_fails(checked, configure, workers, ask):
    configure('[[check]]\nname = "Datasets"\nkind = "dataset"\ndatasets = ["weekly", "elsewhere"]')
    ask("DROP TABLE weekly.trend")

    levels = {each.text: each.level for each in result(checked(), "dataset").findings}

    assert levels["weekly has none of its 1 table."] == Level.FAILURE
    assert (
        levels["No table of this pipeline is in elsewhere, so nothing says that it is there."]
        == Level.UNKNOWN
    )


@pytest.fixture
def questions(monkeypatch) -> list[str]:
    """What the warehouse is asked, by kind."""
    asked: list[str] = []
    for name in ("count", "calendar"):
        real = getattr(DuckDBWarehouse, name)

        def counted(self, *args, real=real, name=name, **kwargs):
            asked.append(name)
            return real(self, *args, **kwargs)

        monkeypatch.setattr(DuckDBWarehouse, name, counted)
    return asked


def test_all_checks_share_one_warehouse_query_of_each_kind(checked, configure, questions):
    configure(
        '[[check]]\nname = "State"\nkind = "coverage"\nphases = ["2", "3"]\n'
        '[[check]]\nname = "Datasets"\nkind = "dataset"'
    )

    checked()

    assert sorted(questions) == ["calendar", "count"]


# Partitions that expire ---------------------------------------------------------------------------


def expiry(told) -> tuple[Level, str]:
    found = [each for each in result(told, "table").findings if "artition" in each.text]
    return found[0].level, found[0].text


def test_partition_expiry_does_not_apply_to_an_engine_without_it(checked, workers):
    assert expiry(checked(tables=["daily.sales"])) == (
        Level.NOTE,
        "Partition expiry does not apply: the engine duckdb has none.",
    )


@pytest.fixture
def expires(engine):
    """An engine that drops partitions of daily.sales after so many days."""

    def after(days: int) -> None:
        kept = {"daily.sales": dt.timedelta(days=days)}
        engine(expirations=lambda self, tables: kept)

    return after


def test_dates_that_would_expire_at_once_fail(checked, workers, expires):
    expires(60)

    level, text = expiry(checked(tables=["daily.sales"]))

    assert level == Level.FAILURE
    assert text.startswith("daily.sales drops partitions after 60 days: nothing before ")


def test_partitions_that_are_kept_long_enough_pass(checked, workers, expires):
    expires(365_000)

    assert expiry(checked(tables=["daily.sales"])) == (
        Level.PASS,
        "No table drops partitions of these dates.",
    )


def test_partition_expiry_is_unknown_if_its_query_fails(checked, workers, engine):
    def refuse(self, tables):
        raise QueryFailed("no permission.")

    engine(expirations=refuse)

    assert expiry(checked(tables=["daily.sales"])) == (
        Level.UNKNOWN,
        "Partition expiry could not be asked: no permission.",
    )
