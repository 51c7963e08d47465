"""Before a launch a person reads whether the warehouse allows so many writes a day."""

from apps.runs.estimates.paces import Work
from apps.runs.preflight.finding import Level
from apps.runs.preflight.kinds import quota
from apps.warehouse.bigquery import costs
from tests.runs.preflight.conftest import finding

VISITS = ["daily.visits"]


def loading(configure, loads: int) -> None:
    configure(f'[[check]]\nname = "Limits"\nkind = "quota"\nloads_a_date = {loads}')


def test_writes_far_below_the_limit_pass_with_their_number(checked):
    found = finding(checked(tables=VISITS), "quota")

    assert (found.level, found.value) == (Level.PASS, "visits: 20 of 1,500 modifications a day")
    assert found.detail.startswith("a program is taken to make 1 load a date; all in one day")


def test_writes_above_half_of_the_limit_give_a_warning(checked, configure):
    loading(configure, 38)

    found = finding(checked(tables=VISITS), "quota")

    assert (found.level, found.value, found.threshold) == (Level.WARNING, "760 a day", "at most 1,500 a day")


def test_more_than_the_limit_fails(checked, configure):
    loading(configure, 76)

    found = finding(checked(tables=VISITS), "quota")

    assert found.level == Level.FAILURE
    assert found.text == "visits needs 1,520 of 1,500 modifications a day: 20 dates to fill."


def test_a_partitioned_table_may_be_written_more_often(checked, configure, server):
    server.say("CREATE OR REPLACE TABLE daily.visits (day DATE, item INT64) PARTITION BY day")
    loading(configure, 76)

    found = finding(checked(tables=VISITS), "quota")

    assert found.value == "visits: 1,520 of 30,000 partition modifications a day"


def test_dml_does_not_count(checked):
    """https://cloud.google.com/bigquery/quotas#partitioned_tables"""
    found = finding(checked(tables=["daily.sales"]), "quota")

    assert found.value == "sales: 0 of 30,000 partition modifications a day"
    assert "DML statements of SQL jobs do not count" in found.detail


def test_a_table_that_is_made_from_a_query_counts(checked, shop):
    (shop / "sales.sql").write_text("CREATE OR REPLACE TABLE daily.sales AS SELECT * FROM raw.orders")

    found = finding(checked(tables=["daily.sales"]), "quota")

    assert found.value == "sales: 20 of 30,000 partition modifications a day"


def test_quota_is_unknown_if_table_metadata_is_denied(checked, server):
    server.deny("daily.visits")

    assert finding(checked(tables=VISITS), "quota").level == Level.UNKNOWN


def test_writes_that_take_longer_than_a_day_are_spread(checked, monkeypatch):
    slow = [Work(units=5, seconds=5 * 24 * 3600 / 10, steps=5)]
    monkeypatch.setattr(quota.progress, "history", lambda tables: {"daily.visits": slow})

    found = finding(checked(tables=VISITS), "quota")

    assert found.value == "visits: 10 of 1,500 modifications a day"
    assert found.detail.endswith("20 modifications in 2 d")


def test_load_jobs_of_all_tables_are_counted_together(checked, monkeypatch):
    monkeypatch.setattr(costs, "LOAD_JOBS", 30)

    found = finding(checked(tables=VISITS), "quota")

    assert (found.level, found.text) == (
        Level.WARNING,
        "All tables together need 20 of 30 load jobs a day.",
    )
