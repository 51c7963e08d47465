"""Before a launch a person reads what the SQL jobs would bill."""

import pytest

from apps.runs import control
from apps.runs.plans import forecasts
from apps.runs.preflight.finding import Level
from apps.warehouse.bigquery.client import BigQueryWarehouse
from tests.runs.preflight.conftest import finding, result

SALES = ["daily.sales"]


def texts(told) -> list[str]:
    return [each.text for each in result(told, "cost").findings]


def test_a_sql_job_is_estimated_times_its_dates(checked, server):
    sales, together = result(checked(tables=SALES), "cost").findings

    # A call of 5 dates reads 10 MB at least of the orders, and of the sales that it deletes perhaps nothing.
    assert sales.text == "sales: 20 dates to fill would bill 40 to 80 MB."
    assert sales.value == "40 to 80 MB, 0.04 to 0.08 USD"
    assert sales.detail == "4 calls, by 3 dry runs: winter 10 to 20 MB a call"
    assert together.text == "1 of 1 SQL job together would bill 40 to 80 MB."


@pytest.fixture
def dry_runs(monkeypatch) -> list[tuple[int, int]]:
    """The first and the last day of each dry run."""
    asked, estimate = [], BigQueryWarehouse.estimate

    def noted(self, sql, *, start, end, timeout):
        asked.append((start.day, end.day))
        return estimate(self, sql, start=start, end=end, timeout=timeout)

    monkeypatch.setattr(BigQueryWarehouse, "estimate", noted)
    return asked


def test_dry_runs_of_the_first_the_middle_and_the_last_call_perform_nothing(checked, server, dry_runs):
    checked(tables=SALES)

    assert dry_runs == [(1, 5), (11, 15), (16, 20)]
    assert server.asked("estimate") == []


def test_only_dates_with_something_to_fill_count(checked, server):
    server.say("INSERT INTO daily.sales SELECT * FROM raw.orders WHERE day <= DATE '2024-01-15'")

    assert texts(checked(tables=SALES))[0] == "sales: 5 dates to fill would bill 10 to 20 MB."


@pytest.fixture
def every_second(server) -> None:
    """Every second date has its sales."""
    server.say("INSERT INTO daily.sales SELECT * FROM raw.orders WHERE MOD(EXTRACT(DAY FROM day), 2) = 0")


def test_a_call_never_spans_a_date_that_is_complete_so_gaps_take_more_calls(checked, every_second):
    sales = result(checked(tables=SALES), "cost").findings[0]

    assert sales.text == "sales: 10 dates to fill would bill 100 to 200 MB."
    assert sales.detail == "10 calls, by 3 dry runs: winter 10 to 20 MB a call"


def test_the_largest_call_is_among_those_that_are_tried(checked, server, dry_runs):
    """A gap of a date, of five and of a date: a call of five is none of the first, middle and last."""
    server.say(
        "INSERT INTO daily.sales SELECT * FROM raw.orders WHERE EXTRACT(DAY FROM day) IN (2, 4, 10, 12, 14, 16, 18, 20)"
    )

    checked(tables=SALES)

    assert dry_runs == [(1, 1), (5, 9), (13, 13), (19, 19)]


def test_billed_bytes_of_a_run_over_scattered_gaps_are_within_the_forecast(
    checked, every_second, drive, plan, pipeline
):
    checked(tables=SALES)
    low, high = forecasts.forecast_of(plan(tables=SALES), pipeline).whole

    run = drive(control.launch(plan(tables=SALES), pipeline, by="olga", unready="a test", queued=False))

    assert run.attempts.count() == 10
    assert low <= sum(run.attempts.values_list("bytes_billed", flat=True)) <= high


def test_cost_finding_shows_the_byte_limit_per_call(checked):
    assert finding(checked(tables=SALES), "cost").threshold == "byte_limit: 1 GB a call"


def test_a_call_that_bigquery_would_refuse_fails(checked, configure, monkeypatch):
    configure('[[check]]\nname = "Cost"\nkind = "cost"')
    monkeypatch.setattr(BigQueryWarehouse, "estimate", lambda self, sql, **about: (2 * 1024**3, 3 * 1024**3))

    found = finding(checked(tables=SALES), "cost")

    assert found.level == Level.FAILURE
    assert found.text.endswith(
        "BigQuery would refuse its calls: a call would bill 2 to 3 GB, and byte_limit allows 1 GB."
    )


def test_cost_finding_shows_bytes_only_if_no_price_is_configured(checked, configure):
    configure(price="# none")

    assert finding(checked(tables=SALES), "cost").value == "40 to 80 MB"


def test_program_job_is_reported_as_not_estimable(checked):
    assert texts(checked())[0] == "Not estimable: the job is a program (visits)."


@pytest.mark.parametrize("ceiling", ['at_most = "50 MB"', "at_most_price = 0.05"])
def test_more_than_the_ceiling_fails(checked, configure, ceiling):
    configure(f'[[check]]\nname = "Cost"\nkind = "cost"\n{ceiling}')

    found = finding(checked(tables=SALES), "cost")

    assert found.level == Level.FAILURE
    assert found.text == "1 of 1 SQL job together would bill 40 to 80 MB: more than the check allows."


def test_less_than_the_ceiling_passes(checked, configure):
    configure('[[check]]\nname = "Cost"\nkind = "cost"\nat_most = "80 MB"\nat_most_price = 0.1')

    together = result(checked(tables=SALES), "cost").findings[-1]

    assert (together.level, together.threshold) == (Level.PASS, "at most 80 MB, at most 0.10 USD")


def test_cost_is_unknown_if_the_dry_run_is_refused(checked, server):
    server.refuse("quotaExceeded", about="estimate", times=100, at_call=True)

    found = finding(checked(tables=SALES), "cost")

    assert found.level == Level.UNKNOWN
    assert found.text.startswith("The SQL of sales could not be asked about: a quota of BigQuery")


def test_cost_finding_reports_the_error_of_invalid_sql(checked, shop):
    (shop / "sales.sql").write_text("INSERT INTO daily.sales SELECT day, item FROM raw.nothing")

    assert "Table shop-project:raw.nothing was not found" in finding(checked(tables=SALES), "cost").text


def test_a_plan_of_programs_alone_has_no_such_check(checked):
    assert not any(each.kind == "cost" for each in checked(tables=["daily.visits"]).results)
