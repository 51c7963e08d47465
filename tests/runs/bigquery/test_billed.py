"""After a run a person reads what its SQL jobs billed, beside what was forecast."""

import json

import pytest
from django.core.management import call_command
from django.template.loader import render_to_string

from apps.alerts.report import Report
from apps.runs.estimates import billing
from apps.runs.models import Attempt, Run
from apps.runs.plans import forecasts
from apps.warehouse.base import Busy
from apps.warehouse.bigquery.client import BigQueryWarehouse
from tests.conftest import day

MEGABYTE = 1024**2
SALES = ["daily.sales"]


@pytest.fixture
def performed(workers, checked, launch, drive):
    """A run of all sales, launched after a pre-flight that covers it."""
    checked(tables=SALES)
    return drive(launch(tables=SALES))


def test_each_call_keeps_what_its_job_billed(performed, server):
    billed = dict(performed.attempts.values_list("number", "bytes_billed"))

    assert billed == dict.fromkeys((1, 2, 3, 4), 20 * MEGABYTE)
    assert sum(billed.values()) == sum(job.bytes_billed for job in server.asked("script"))


def test_the_forecast_of_the_preflight_stays_with_the_launch(workers, checked, launch):
    checked(tables=SALES, end=day("01-10"))

    run = launch(tables=SALES, end=day("01-10"))

    launched = run.events.get(kind="launched")
    assert launched.data["forecast_bytes"] == [20 * MEGABYTE, 40 * MEGABYTE]


def test_without_a_preflight_there_is_no_forecast(launch):
    assert launch(tables=SALES).events.get(kind="launched").data["forecast_bytes"] is None


def test_the_run_page_has_forecast_and_actual(performed, viewing):
    page = " ".join(viewing.get(performed.get_absolute_url()).text.split())

    assert "<dt>Billed</dt><dd>80 MB, 0.08 USD" in page
    assert "forecast for all steps: 40 to 80 MB, 0.04 to 0.08 USD, as forecast" in page


def test_run_summary_and_attempt_page_show_billed_bytes(performed, viewing):
    assert "80 MB, 0.08 USD by SQL jobs" in viewing.get(f"{performed.get_absolute_url()}summary/").text
    assert "billed 20 MB" in viewing.get(performed.attempts.first().get_absolute_url()).text


def test_unreported_bytes_are_shown_as_unknown_not_as_zero(performed, pipeline):
    performed.attempts.filter(number=1).update(bytes_billed=None)

    bill = billing.bill_of(performed, pipeline)

    assert bill.billed == "at least 60 MB, 0.06 USD: of 1 call it is not known"
    assert bill.verdict == ""


@pytest.mark.parametrize("at_call", [False, True], ids=["refused as a job", "never became a job"])
def test_a_call_that_was_refused_billed_nothing(launch, drive, server, at_call):
    server.refuse("accessDenied", about="script", times=100, at_call=at_call)

    run = drive(launch(tables=SALES))

    assert set(run.attempts.values_list("bytes_billed", flat=True)) == {0}


def test_billed_bytes_are_unknown_if_the_warehouse_cannot_be_queried(launch, drive, monkeypatch):
    def away(self, job_id):
        raise Busy("asked too often")

    monkeypatch.setattr(BigQueryWarehouse, "billed", away)

    run = drive(launch(tables=SALES))

    assert run.status == Run.Status.SUCCEEDED
    assert set(run.attempts.values_list("bytes_billed", flat=True)) == {None}


def test_a_forecast_of_some_jobs_only_is_none(checked, plan, pipeline):
    checked(tables=["daily.visits"])

    assert forecasts.forecast_of(plan(tables=SALES), pipeline).whole is None


def test_billed_bytes_of_a_lost_attempt_are_queried_during_recovery(launch, drive):
    run = launch(tables=SALES)
    drive(run, attempts=1)
    attempt = run.attempts.get()
    Attempt.objects.update(status=Attempt.Status.RUNNING, bytes_billed=None, lease="of the dead")

    drive(run, attempts=1)

    attempt.refresh_from_db()
    assert (attempt.status, attempt.bytes_billed) == (Attempt.Status.LOST, 20 * MEGABYTE)


def test_backfill_command_reports_billed_bytes_as_json(workers, checked, scan, capsys):
    checked(tables=SALES)
    scan()

    with pytest.raises(SystemExit):
        call_command("backfill", "--table", "daily.sales", "--here", "--yes", "--json")

    said = json.loads(capsys.readouterr().out)["billed"]
    assert (said["bytes"], said["forecast_bytes"]) == (80 * MEGABYTE, [40 * MEGABYTE, 80 * MEGABYTE])


def test_run_mail_reports_billed_bytes_and_forecast(performed):
    report = Report(performed, performed.events.first())

    assert report.bill == "80 MB, 0.08 USD; forecast for all steps 40 to 80 MB, 0.04 to 0.08 USD"
    assert f"Billed {report.bill}" in render_to_string("alerts/mail/run.txt", {"report": report})


def test_a_run_of_programs_has_no_bill(launch, pipeline):
    assert billing.bill_of(launch(tables=["daily.visits"]), pipeline) is None


def test_every_query_and_every_sql_job_of_a_run_has_the_byte_limit(performed, server):
    assert len(server.asked("script")) == 4
    assert {job.byte_limit for job in server.asked()} == {1024**3}
