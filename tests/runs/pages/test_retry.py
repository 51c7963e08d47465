"""From a failure to the plan of its retry."""

import pytest

from apps.runs.models import Run
from tests.conftest import day


@pytest.fixture
def failed(launch, drive, fault) -> Run:
    """A run in which 2 and 5 January failed in one way, and 3 January in another."""
    for date in ("01-02", "01-05"):
        fault("daily.sales", date, "overflow")
    fault("daily.sales", "01-03", "silent")
    return drive(launch(tables=["daily.sales"], start=day("01-01"), end=day("01-06")))


def test_a_retry_plans_the_failures_and_nothing_else(failed, launch, read):
    assert "Launch 3 steps" in read(f"/runs/new/?retry={failed.pk}")


def test_a_failure_of_one_table_does_not_plan_the_same_date_of_another(failed, launch, drive, fault, read):
    fault("daily.visits", "01-01", "silent")
    drive(launch(tables=["daily.visits"], start=day("01-01"), end=day("01-01")))

    assert "Launch 4 steps" in read("/runs/new/?retry=open")


def test_the_button_of_a_run_leads_to_the_plan(failed, operating):
    response = operating.post(f"/runs/{failed.pk}/retry/")

    assert response.headers["Location"] == f"/runs/new/?retry={failed.pk}"


def test_launched_retry_names_the_run_it_retries(failed, operating, read):
    page = operating.get(f"/runs/new/?retry={failed.pk}").context["plan"]
    operating.post("/runs/new/", {"retry": failed.pk, "seen": page.plan.digest})

    retry = Run.objects.first()
    assert retry.retry_of == failed
    assert f"retry of run {failed.pk}" in read(retry.get_absolute_url())


def test_dates_filled_meanwhile_are_left_out_of_a_retry(failed, ask, scan, read):
    ask("INSERT INTO daily.sales SELECT ?, i, NULL FROM range(8) rows(i)", day("01-02"))
    scan()

    assert "Launch 2 steps" in read(f"/runs/new/?retry={failed.pk}")
