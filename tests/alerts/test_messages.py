"""Of which events people hear, who hears of them, and what the mail says."""

import datetime as dt
import logging

import pytest

from apps.alerts import tasks
from apps.alerts.models import Message
from apps.alerts.report import Report
from apps.coverage.models import CalendarDate
from apps.runs import control
from apps.runs.failures import signatures
from apps.runs.models import Run, Step
from tests.alerts.conftest import WEEK
from tests.conftest import day

# Which events -------------------------------------------------------------------------------------


def test_succeeded_run_sends_a_mail(launch, told):
    assert (
        told(launch(tables=["daily.sales"], **WEEK)).subject
        == "SUCCEEDED 6/6 - sales, 2024-01-01 to 2024-01-06"
    )


def test_subject_of_a_failed_run_counts_unverified_steps(launch, told, fault):
    fault("daily.sales", "01-03", "silent")

    assert (
        told(launch(tables=["daily.sales"], **WEEK)).subject == "FAILED 1/6 - sales, 2024-01-01 to 2024-01-06"
    )


def test_skipped_steps_are_not_called_failures(launch, drive, told):
    drive(launch(tables=["daily.sales"], start=day("01-01"), end=day("01-05")))

    message = told(launch(tables=["weekly.trend"], start=day("01-04"), end=day("01-05"), through_gaps=True))

    assert message.subject == "FAILED, 2/2 skipped - trend, 2024-01-04 to 2024-01-05"


def test_run_that_waits_at_a_gate_sends_a_mail(launch, told):
    subject = told(launch(**WEEK)).subject

    assert subject == "WAITING - Phase 2 and Phase 3, 2024-01-01 to 2024-01-06: Phase 3 starts by hand"


def test_run_paused_by_the_circuit_breaker_sends_a_mail(launch, told, fault):
    for number in range(1, 20):
        fault("daily.sales", f"01-{number:02}", "overflow")

    message = told(launch(tables=["daily.sales"], start=day("01-01"), end=day("01-20")))

    assert message.subject.startswith("STOPPED - sales, 2024-01-01 to 2024-01-20: 5 failures in a row")
    assert "11 left" in message.text and "It goes on when a person resumes it" in message.text


@pytest.mark.parametrize("verb", [control.pause, control.cancel], ids=["a pause", "a cancellation"])
def test_what_an_operator_does_sends_no_mail(launch, team, verb):
    verb(launch(tables=["daily.sales"], **WEEK), by="olga")

    assert tasks.deliver() == {"created": 0, "sent": 0}


def test_wait_that_ended_before_delivery_sends_no_mail(launch, drive, team):
    run = drive(launch(**WEEK))
    control.start_phase(run, "3", by="olga")

    assert tasks.deliver()["created"] == 0


def test_second_wait_sends_a_mail_and_the_first_is_not_repeated(launch, drive, team):
    run = drive(launch(**WEEK))
    tasks.deliver()
    control.resume(run, by="olga")
    drive(run)

    assert tasks.deliver()["created"] == 1
    assert Message.objects.count() == 2


def test_event_is_reported_once(launch, told):
    told(launch(tables=["daily.sales"], **WEEK))

    assert tasks.deliver() == {"created": 0, "sent": 0}


# Who hears of them --------------------------------------------------------------------------------


def test_mail_goes_to_the_launching_operator_and_the_team_once_each(launch_as, operator, told, settings):
    run = launch_as(operator, tables=["daily.sales"], **WEEK)
    settings.ALERTS_TO = ["team@shop.example", "Olga@Shop.example"]

    assert told(run).to == ["Olga@Shop.example", "team@shop.example"]


# What it says -------------------------------------------------------------------------------------


def test_mail_shows_who_launched_the_run_and_why(launch, told):
    text = told(launch(tables=["daily.sales"], **WEEK)).text

    assert "Launched by olga on 20" in text
    assert "UTC: a test" in text


def test_failure_groups_show_date_ranges_across_days_off_the_calendar(launch, told, fault):
    for number in (5, 6, 8, 10):
        fault("daily.sales", f"01-{number:02}", "overflow")

    text = told(launch(tables=["daily.sales"], start=day("01-01"), end=day("01-12"))).text

    assert "4 x failed: numeric overflow: amount … exceeds DECIMAL(5,2)" in text
    assert "sales: 2024-01-05 to 2024-01-08, 2024-01-10" in text


def test_mail_lists_thin_and_excess_dates_by_state(launch, told, fault):
    fault("daily.sales", "01-02", "0.25")
    fault("daily.sales", "01-03", "4")

    text = told(launch(tables=["daily.sales"], **WEEK)).text

    assert "1 thin in sales: 2024-01-02" in text
    assert "1 excess in sales: 2024-01-03" in text


def test_mail_lists_dates_with_unexpected_rows(launch, drive, told, ask):
    drive(launch(phases=["2"], **WEEK))
    ask("INSERT INTO weekly.trend VALUES (?, 90)", day("01-02"))

    text = told(launch(tables=["weekly.trend"], through_gaps=True, **WEEK)).text

    assert "1 unexpected in trend: 2024-01-02" in text
    assert "bootstrap" in text


def test_skipped_dates_are_grouped_by_their_reason(launch, drive, told):
    drive(launch(tables=["daily.sales"], **WEEK))

    text = told(launch(tables=["weekly.trend"], through_gaps=True, **WEEK)).text

    assert "3 x visits is missing on …\n    trend: 2024-01-04 to 2024-01-06" in text


def test_coverage_before_and_after_has_its_denominators(launch, told):
    text = told(launch(tables=["daily.sales"], **WEEK)).text

    assert "Phase 2: all tables and seasons 0/29 -> 0/29 (0 %)" in text
    assert "sales: winter 0/19 -> 6/19 (31 %)" in text


def test_mail_counts_dates_left_out_of_the_plan_by_reason(launch, told):
    assert (
        "1 off the calendar"
        in told(launch(tables=["daily.sales"], start=day("01-06"), end=day("01-08"))).text
    )


def test_mail_about_a_gate_shows_the_coverage_of_the_inputs_of_its_phase(launch, told, fault):
    fault("daily.visits", "01-05", "silent")

    text = told(launch(**WEEK)).text

    assert "daily.visits: 2 of 3 dates complete, 2024-01-04 to 2024-01-06; not complete: 2024-01-05" in text


def test_the_links_lead_to_the_run_its_failures_and_a_retry(launch, told, fault):
    fault("daily.sales", "01-03", "silent")
    run = launch(tables=["daily.sales"], **WEEK)

    message = told(run)

    for link in (f"/runs/{run.pk}/", "/failures/", f"/runs/new/?retry={run.pk}"):
        assert f"https://console.example{link}\n" in message.text
        assert f'href="https://console.example{link}"' in message.html


def test_the_csv_has_a_line_for_every_failed_and_skipped_date(launch, told, fault):
    fault("daily.sales", "01-03", "0.25")
    run = launch(tables=["daily.sales"], **WEEK)

    lines = told(run).csv.splitlines()

    assert lines[0] == "table,date,state,signature,message,attempts,rows_before,rows_after,run"
    assert lines[1:] == [
        f'daily.sales,2024-01-03,thin,"thin: … rows, expected …","thin: 2 rows, expected 8",1,0,2,{run.pk}'
    ]


def test_csv_escapes_messages_that_look_like_spreadsheet_formulas(launch, drive, team, fault):
    fault("daily.sales", "01-03", "silent")
    run = drive(launch(tables=["daily.sales"], **WEEK))
    run.steps.failed().update(message="=1+1", signature="=…")

    tasks.deliver()

    assert ",'=…,'=1+1," in Message.objects.get().csv


def test_failure_messages_are_escaped_in_the_html_part(launch, drive, team, fault):
    fault("daily.sales", "01-03", "silent")
    run = drive(launch(tables=["daily.sales"], **WEEK))
    run.steps.failed().update(message="<script>1</script>", signature="<script>…</script>")

    tasks.deliver()

    message = Message.objects.get()
    assert "<script>" not in message.html
    assert "<script>…</script>" in message.text


def test_the_html_part_needs_no_style_sheet(launch, told):
    html = told(launch(tables=["daily.sales"], **WEEK)).html

    assert '<div class="mail" style="max-width: 640px' in html
    assert "prefers-color-scheme: dark" in html


@pytest.fixture
def flood(pipeline, scan, drive, launch) -> Run:
    """A run of which 500 steps failed for three reasons."""
    run = launch(tables=["daily.sales"], start=day("01-01"), end=day("01-01"))
    first = dt.date(2022, 1, 1)
    steps = [failed_step(run, number, first + dt.timedelta(days=2 * number)) for number in range(500)]
    Step.objects.bulk_create(steps)
    CalendarDate.objects.bulk_create(
        [CalendarDate(date=step.date, season="flood", units=1) for step in steps], ignore_conflicts=True
    )
    return drive(run)


def failed_step(run: Run, number: int, date: dt.date) -> Step:
    message = ("quota of {} exceeded", "no rows for {}", "numeric overflow: {}.5")[number % 3].format(number)
    return Step(
        run=run,
        position=number + 1,
        phase="2",
        table=("daily.sales", "daily.visits")[number % 2],
        date=date,
        season="flood",
        status=Step.Status.FAILED,
        state_after="missing",
        message=message,
        signature=signatures.signature(message),
    )


def test_500_failures_are_summarized_in_one_short_mail(flood, team):
    tasks.deliver()

    message = Message.objects.get()
    assert message.subject.startswith("FAILED 500/501")
    assert "167 x quota of … exceeded" in message.text
    assert len(message.text.splitlines()) <= 60
    assert len(message.csv.splitlines()) == 501


def test_end_of_a_run_is_mailed_even_if_its_report_raises_an_error(launch, drive, team, monkeypatch, caplog):
    monkeypatch.setattr(Report, "took", property(lambda report: 1 / 0))
    caplog.set_level(logging.CRITICAL)
    run = drive(launch(tables=["daily.sales"], **WEEK))

    tasks.deliver()

    message = Message.objects.get()
    assert message.subject == "SUCCEEDED - sales, 2024-01-01 to 2024-01-06"
    assert f"https://console.example/runs/{run.pk}/" in message.text
    assert "ZeroDivisionError" in message.text
