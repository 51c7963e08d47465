"""What failed outside the console, as the warehouse's run history tells it, on the page of failures."""

import csv
import datetime as dt
import html
import re

import pytest

from apps.coverage.models import Partition
from apps.runs.failures import outside_console
from apps.runs.models import Run, Step
from tests.conftest import day
from tests.runs.conftest import add_step


def called(table: str, date: str, *, ended_at: dt.datetime | None) -> None:
    """A call of a run for a date, over or under way."""
    run = Run.objects.create(title="a run", launched_by="olga")
    attempt = run.attempts.create(
        number=1,
        table=table,
        dates=[f"2024-{date}"],
        finished_at=ended_at,
        started_at=dt.datetime(2024, 2, 1, tzinfo=dt.UTC),
    )
    add_step(
        run, date, table, status=Step.Status.FAILED if ended_at else Step.Status.RUNNING, attempt=attempt
    )


# The page -----------------------------------------------------------------------------------------


def test_failures_outside_the_console_are_grouped_by_message(failed_outside, read):
    text = read("/failures/")

    assert "No run left anything open · 3 failed outside the console" in text
    assert "amount 12.5 exceeds DECIMAL(5,2) looks like code sales 2024-01-02 to 2024-01-03" in text
    assert "connection refused looks like upstream visits 2024-01-02" in text
    assert "No open failures" not in text


def test_retry_of_failures_outside_the_console_plans_exactly_their_dates(failed_outside, operating, read):
    page = operating.get("/failures/?table=daily.sales").content.decode()
    link = html.unescape(re.search(r'href="(/runs/new/\?retry=outside[^"]*)">Plan a retry', page)[1])

    text = read(link)

    assert "Only what failed outside the console, of 1 kind" in text
    assert "2 steps 1 table, 2 dates" in text


def test_closed_failures_outside_the_console_cannot_be_planned(failed_outside, history, rescan, read):
    for table, dates in (("sales", ("01-02", "01-03")), ("visits", ("01-02",))):
        for date in dates:
            history(table, date, "success", at="12:00")
    rescan()

    assert "none of what failed outside the console is still open" in read("/runs/plan/?retry=outside")


def test_viewer_cannot_plan_failures_outside_the_console(failed_outside, viewing, read):
    assert "Plan a retry" not in read("/failures/", viewing)


def test_a_date_that_is_complete_meanwhile_is_no_open_failure(failed_outside, ask, rescan, read):
    ask("INSERT INTO daily.sales SELECT DATE '2024-01-02', i, NULL FROM range(8) rows(i)")
    rescan()

    assert "2 failed outside the console" in read("/failures/")


def test_the_latest_attempt_counts_and_not_an_old_one(failed_outside, history, rescan, read):
    history("visits", "01-02", "success", at="10:00")
    rescan()

    text = read("/failures/")

    assert "2 failed outside the console" in text and "connection refused" not in text


@pytest.mark.parametrize(
    ("ended_at", "failures"),
    [
        pytest.param(dt.datetime(2024, 2, 1, 9, tzinfo=dt.UTC), 2, id="the failure is the console's own"),
        pytest.param(dt.datetime(2024, 2, 1, 8, tzinfo=dt.UTC), 3, id="a call before it does not hide it"),
        pytest.param(None, 2, id="the date is called right now"),
    ],
)
def test_a_call_of_the_console_since_then_closes_a_failure_outside(failed_outside, read, ended_at, failures):
    called("daily.visits", "01-02", ended_at=ended_at)

    assert f"{failures} failed outside the console" in read("/failures/")


def test_a_date_that_a_run_is_about_to_fill_is_not_open(failed_outside, read):
    Partition.objects.filter(table="daily.visits", date=day("01-02")).update(activity="queued")

    assert "2 failed outside the console" in read("/failures/")


@pytest.mark.parametrize(
    ("query", "open_failures"),
    [
        ("table=daily.visits", 1),
        ("phase=2", 3),
        ("phase=3", 0),
        ("season=winter", 3),
        ("season=spring", 0),
        ("class=upstream", 1),
    ],
)
def test_failures_outside_the_console_are_filtered_like_those_of_runs(
    failed_outside, operating, query, open_failures
):
    assert operating.get(f"/failures/?{query}").context["outside"].count == open_failures


def test_failures_outside_are_unknown_if_the_run_history_is_unreadable(failed_outside, ask, rescan, read):
    ask("ALTER TABLE ops.history DROP COLUMN errors")
    rescan()

    text = read("/failures/")

    assert "unknown what failed outside the console" in text
    assert "could not be asked: table ops.history has no column errors" in text
    assert "connection refused" not in text and "No open failures" not in text


def test_processors_of_no_table_are_named_with_the_remedy(history, rescan, read):
    history("SalesProcessor", "01-02", "failed")
    rescan()

    text = read("/failures/")

    assert "Not counted: 1 failed date of processors that no table names" in text
    assert "SalesProcessor. If one fills a table, name it there as processor" in text


def test_attempt_without_a_message_is_shown_by_its_status(history, rescan, read):
    history("sales", "01-02", "timeout")
    rescan()

    assert "timeout, without a message" in read("/failures/")


def test_error_of_a_traceback_is_shown_as_the_message(history, rescan, read):
    history(
        "sales", "01-02", "failed", errors="Traceback (most recent call last):\n  at x\nKeyError: 'amount'"
    )
    rescan()

    assert "KeyError: 'amount' looks like code" in read("/failures/")


def test_failures_page_has_no_outside_section_without_a_run_history(operating, first_scan):
    assert "outside the console" not in operating.get("/failures/").content.decode()


def test_queries_do_not_grow_with_what_failed_outside(
    failed_outside, history, rescan, operating, django_assert_max_num_queries
):
    with django_assert_max_num_queries(12) as few:
        operating.get("/failures/")
    for number in range(8, 20):
        history("sales", f"01-{number:02}", "failed", errors=f"{'x' * number} went wrong")
    rescan()

    with django_assert_max_num_queries(len(few)):
        operating.get("/failures/")


def test_failures_outside_the_console_are_in_the_csv(failed_outside, operating):
    text = b"".join(operating.get("/failures/failures.csv?table=daily.sales").streaming_content).decode()
    lines = list(csv.DictReader(text.splitlines()))

    assert [(line["date"], line["status"], line["run"]) for line in lines] == [
        ("2024-01-02", "failed outside the console", ""),
        ("2024-01-03", "failed outside the console", ""),
    ]
    assert (
        lines[0]["message"] == "2024-01-02: amount 12.5 exceeds DECIMAL(5,2)"
        and lines[0]["season"] == "winter"
    )


# One definition of what is open ---------------------------------------------------------------------


def listed(pipeline) -> list[tuple[str, str]]:
    return [(each.table, str(each.date)) for each in outside_console.open_tries(pipeline)]


def keep(**facts) -> None:
    """What is known of sales on 2 January, which failed in a terminal."""
    Partition.objects.filter(table="daily.sales", date=day("01-02")).update(**facts)


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param({"state": "complete", "activity": "redo_failed"}, id="a redo that failed"),
        pytest.param(
            {"state": "not_expected", "season": "", "activity": "failed"}, id="off the calendar now"
        ),
    ],
)
def test_what_is_open_for_runs_is_open_outside_too(failed_outside, pipeline, facts):
    keep(**facts)

    assert Partition.objects.open_failures().count() == 1
    assert ("daily.sales", "2024-01-02") in listed(pipeline)


@pytest.mark.parametrize(
    ("state", "activity"),
    [("complete", ""), ("accepted", ""), ("not_expected", ""), ("missing", "queued")],
)
def test_date_without_an_open_gap_is_not_listed_as_failed_outside(failed_outside, pipeline, state, activity):
    keep(state=state, activity=activity)

    assert ("daily.sales", "2024-01-02") not in listed(pipeline)
