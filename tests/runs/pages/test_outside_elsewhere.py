"""What the run history tells beyond the page of failures: on the overview, in the shell, and for a plan's estimate."""

import datetime as dt
import json

import pytest
from django.core.management import call_command
from django.utils import timezone

from apps.runs.models import Run, Step
from tests.conftest import day

# The overview -------------------------------------------------------------------------------------


def test_overview_shows_recent_attempts_outside_the_console(failed_outside, history, rescan, read):
    history("sales", "01-08", "success", at=timezone.now() - dt.timedelta(hours=2))
    history("sales", "01-09", "failed", at=timezone.now() - dt.timedelta(hours=1))
    history("sales", "01-10", "failed", at=timezone.now() - dt.timedelta(hours=30))
    rescan()

    text = read("/")

    assert "Outside the console: 2 partitions tried in the last 24 hours, 1 failed , last" in text
    assert "5 failures still open" in text


def test_overview_reports_no_recent_attempts_outside_the_console(history, rescan, read):
    rescan()

    assert "Outside the console: nothing was tried in the last 24 hours." in read("/")


def test_overview_reports_why_the_run_history_is_unknown(history, rescan, ask, read):
    ask("ALTER TABLE ops.history DROP COLUMN errors")
    rescan()

    text = read("/")

    assert "Outside the console: unknown , as the run history could not be asked: table ops.history" in text
    assert "Problem of the last scan: the run history: table ops.history has no column" in text


def test_overview_reports_unknown_run_history_before_the_first_scan(history, read):
    assert "Outside the console: unknown until a scan has read the run history" in read("/")


def test_overview_omits_the_run_history_if_none_is_configured(read, first_scan):
    assert "Outside the console" not in read("/")


# The shell ----------------------------------------------------------------------------------------


def test_coverage_command_prints_failures_outside_the_console(failed_outside, capsys):
    call_command("coverage", "--table", "daily.sales")

    said = capsys.readouterr().out
    assert "Failed outside the console: sales, 2024-01-02 to 2024-01-03: 2024-01-02: amount 12.5" in said
    assert "connection refused" not in said


def test_coverage_json_lists_failures_outside_with_their_dates(failed_outside, capsys):
    call_command("coverage", "--json")

    found = json.loads(capsys.readouterr().out)["outside"]
    assert found["problem"] == ""
    assert found["failures"][0]["dates"] == ["2024-01-02", "2024-01-03"]


def test_coverage_json_is_null_if_the_run_history_is_unreadable(failed_outside, ask, rescan, capsys):
    ask("ALTER TABLE ops.history DROP COLUMN errors")
    rescan()

    call_command("coverage", "--json")

    found = json.loads(capsys.readouterr().out)["outside"]
    assert found["failures"] is None and "no column errors" in found["problem"]


# Rates --------------------------------------------------------------------------------------------


@pytest.fixture
def timed(history, rescan) -> None:
    """In a terminal, five dates of sales took two minutes each."""
    for number in range(8, 13):
        history("sales", f"01-{number:02}", "success", seconds=120)
    rescan()


def test_a_plan_takes_its_pace_from_the_run_history_where_no_run_has_one(timed, read):
    text = read("/runs/plan/?table=daily.sales&start=2024-01-01&end=2024-01-04")

    assert "Likely takes 6 to 10 min sales: from the run history" in text


def test_pace_of_a_run_takes_precedence_over_the_run_history(timed, launched_before, read):
    text = read("/runs/plan/?table=daily.sales&start=2024-01-01&end=2024-01-04")

    assert "Likely takes" in text and "from the run history" not in text


@pytest.fixture
def launched_before(db) -> None:
    """An earlier run filled five dates."""
    run = Run.objects.create(title="earlier", status=Run.Status.SUCCEEDED, launched_by="olga")
    for number in range(5):
        run.steps.create(
            position=number, phase="2", table="daily.sales", date=day(f"03-0{number + 1}"), units=4,
            season="spring", status=Step.Status.SUCCEEDED, seconds=5.0, finished_at=timezone.now(),
        )  # fmt: skip


def test_attempts_that_failed_are_no_pace(history, rescan, read):
    for number in range(8, 13):
        history("sales", f"01-{number:02}", "failed", seconds=120)
    rescan()

    assert "Likely takes not known: sales has never run here" in read(
        "/runs/plan/?table=daily.sales&start=2024-01-01&end=2024-01-04"
    )


def test_plan_command_names_the_source_of_its_estimate(timed, capsys):
    call_command("plan", "--table", "daily.sales", "--start", "2024-01-01", "--end", "2024-01-04")

    assert "(sales: from the run history)" in capsys.readouterr().out


def test_run_page_marks_an_estimate_partly_from_the_run_history(timed, read):
    run = Run.objects.create(title="a run", launched_by="olga", status=Run.Status.PAUSED)
    for number in range(7):
        is_done = number < 5
        run.steps.create(
            position=number, phase="2", table="daily.visits" if is_done else "daily.sales", units=4,
            date=day(f"01-0{number + 1}"), season="winter", seconds=2.0 if is_done else None,
            status=Step.Status.SUCCEEDED if is_done else Step.Status.PENDING,
            finished_at=timezone.now() if is_done else None,
        )  # fmt: skip

    assert "once it goes on, partly from the run history" in read(f"/runs/{run.pk}/")
