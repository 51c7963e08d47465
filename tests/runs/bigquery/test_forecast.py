"""Before a launch the plan says what it would bill, from what pre-flights found: no page asks the warehouse."""

import datetime as dt
import json

import pytest
from django.core.management import call_command

from apps.runs.models import Preflight
from tests.conftest import day
from tests.runs.pages.conftest import words

SALES = {"table": "daily.sales"}
WEEK = SALES | {"start": "2024-01-01", "end": "2024-01-05"}
# Those of a plan on DuckDB that this shop needs, and one for what pre-flights estimated.
QUERIES_OF_A_PLAN = 13


@pytest.fixture
def planned(operating, scan):
    """The words of the launch form's plan."""
    scan()
    return lambda **asked: words(operating.get("/runs/plan/", asked).text)


def test_plan_page_suggests_a_preflight_if_no_estimate_exists(planned):
    assert "Would bill Not known yet. Run a pre-flight to learn what this would bill." in planned(**SALES)


def test_the_estimate_is_for_exactly_the_dates_of_the_plan(checked, planned):
    checked(tables=["daily.sales"])

    assert "Would bill 40 to 80 MB, 0.04 to 0.08 USD by dry runs of pre-flight" in planned(**SALES)
    assert "Would bill 10 to 20 MB, " in planned(**WEEK)


def test_launched_event_stores_the_estimate_of_the_plan(checked, planned, launch):
    checked(tables=["daily.sales"])

    run = launch(tables=["daily.sales"], start=day("01-01"), end=day("01-05"))

    assert run.events.get(kind="launched").data["forecast_bytes"] == [10 * 1024**2, 20 * 1024**2]


def test_estimate_shows_the_finish_time_of_its_preflight(checked, planned):
    checked(tables=["daily.sales"])
    Preflight.objects.update(finished_at=dt.datetime(2026, 11, 20, 9, tzinfo=dt.UTC))

    assert "20 Nov 2026 09:00 UTC" in planned(**SALES)


def test_the_newest_preflight_counts(checked, planned, server):
    old = checked(tables=["daily.sales"]).report
    new = checked(tables=["daily.sales"], end=day("01-05")).report

    assert f"by dry runs of pre-flight {new.pk}" in planned(**SALES)
    assert f"pre-flight {old.pk}," not in planned(**SALES)


def test_program_job_is_reported_as_not_estimable(planned):
    assert "Would bill Not estimable: the job is a program (visits)." in planned(table="daily.visits")


def test_plan_page_shows_estimated_and_not_estimable_tables(checked, planned):
    checked(tables=["daily.sales"])

    said = planned(table=["daily.sales", "daily.visits"])

    assert "Would bill 40 to 80 MB" in said
    assert "Not estimable: the job is a program (visits)." in said


@pytest.mark.parametrize(
    ("batch", "says"), [("1", "40 to 400 MB"), ("5", "40 to 80 MB"), ("10", "20 to 80 MB")]
)
def test_smaller_calls_may_bill_more_and_larger_ones_less(checked, planned, batch, says):
    """The dry runs took 5 dates a call, and each call is billed 10 MB of each table at least."""
    checked(tables=["daily.sales"])

    said = planned(**SALES, batch=batch)

    assert f"Would bill {says}" in said
    assert ("the dry runs took other numbers of dates a call" in said) == (batch != "5")


def test_plan_page_does_not_query_the_warehouse(checked, planned, server):
    checked(tables=["daily.sales"])
    server.forget()

    planned(**SALES)

    assert server.asked() == []


def test_the_number_of_queries_does_not_grow_with_plan_and_preflights(
    checked, planned, operating, django_assert_num_queries
):
    with django_assert_num_queries(QUERIES_OF_A_PLAN):
        operating.get("/runs/plan/", WEEK)
    for _ in range(3):
        checked()
    with django_assert_num_queries(QUERIES_OF_A_PLAN):
        operating.get("/runs/plan/", {"phase": "1"})


def test_plan_command_prints_the_cost_estimate(checked, capsys, first_scan):
    checked(tables=["daily.sales"])

    call_command("plan", "--phase", "1")
    call_command("plan", "--table", "daily.sales", "--json")

    said, _, program = capsys.readouterr().out.partition("{")
    assert "Would bill 40 to 80 MB, 0.04 to 0.08 USD, by dry runs of pre-flight" in said
    assert "Not estimable what visits would bill: the job is a program" in said
    assert json.loads("{" + program)["forecast_bytes"] == [40 * 1024**2, 80 * 1024**2]


def test_plan_command_reports_a_cost_that_is_not_known(capsys, first_scan):
    call_command("plan", "--table", "daily.sales")

    assert "Not known what sales would bill: run a pre-flight to learn it" in capsys.readouterr().out
