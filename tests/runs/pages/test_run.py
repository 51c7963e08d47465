"""What an operator reads on a run's page."""

import datetime as dt

import pytest
from django.utils import timezone

from apps.runs import control
from apps.runs.models import Attempt, Run, leases
from apps.runs.pages import run_page
from tests.conftest import day

WEEK = {"start": day("01-01"), "end": day("01-06")}


def test_run_page_shows_who_launched_the_run_and_its_note(launch, read):
    run = launch(tables=["daily.sales"], **WEEK)

    assert "Launched by olga" in read(run.get_absolute_url())
    assert "“a test”" in read(run.get_absolute_url())


def test_verified_steps_are_counted_of_all(launch, drive, read, worker):
    run = drive(launch(tables=["daily.sales"], **WEEK), attempts=1)

    assert "Verified 4 of 6 66 %" in read(run.get_absolute_url())


def test_a_percentage_is_never_100_early(launch, read, hold):
    run = hold(launch(tables=["daily.sales", "daily.visits"], phases=["2"]))
    run.steps.filter(position__gt=0).update(status="succeeded")

    assert "Verified 57 of 58 98 %" in read(run.get_absolute_url())


def test_a_table_has_a_strip_with_its_dates(launch, drive, operating):
    run = drive(launch(tables=["daily.sales"], **WEEK), attempts=1)

    page = operating.get(run.get_absolute_url()).content.decode()

    assert 'aria-label="sales: 4 of 6 verified"' in page
    assert 'd="M0 0h4v16h-4z"' in page


def test_newest_first_turns_the_strip_from_the_right(launch, drive, operating):
    run = drive(launch(tables=["daily.sales"], order="newest", **WEEK), attempts=1)

    assert 'd="M2 0h4v16h-4z"' in operating.get(run.get_absolute_url()).content.decode()


def test_a_strip_is_in_the_order_of_dates_whatever_was_done_first(launch, operating):
    run = launch(tables=["daily.sales"], **WEEK)
    run.steps.filter(date=day("01-01")).update(position=99, status="succeeded")

    assert 'd="M0 0h1v16h-1z"' in operating.get(run.get_absolute_url()).content.decode()


def test_queued_run_reports_that_no_worker_is_alive(launch, read):
    run = launch(tables=["daily.sales"], **WEEK)

    assert "No worker is alive: nothing happens until one starts." in read(run.get_absolute_url())


def test_a_running_run_whose_worker_died_does_not_look_busy(launch, drive, read, worker):
    run = drive(launch(tables=["daily.sales"], **WEEK), attempts=1)

    text = read(run.get_absolute_url())

    assert "State Standing still Its worker gives no sign of life." in text
    assert "Likely done in" not in text


def test_a_queued_run_names_the_one_before_it(launch, read, worker, hold):
    first = hold(launch(tables=["daily.sales"], **WEEK))
    second = launch(tables=["daily.visits"], **WEEK)

    assert f"Waits for run {first.pk}, which is performed now." in read(second.get_absolute_url())


def test_a_run_that_begins_between_two_looks_does_not_wait_for_itself(launch, worker, pipeline):
    run = launch(tables=["daily.sales"], **WEEK)
    looked_at = Run.objects.get(pk=run.pk)  # queued; a worker takes it before the second look
    assert leases.take(run.pk)
    Run.objects.filter(pk=run.pk).update(status=Run.Status.RUNNING)

    seen = run_page.run_page(looked_at, pipeline, now=timezone.now())

    assert "Waits for run" not in seen.situation.says


def test_a_run_whose_call_began_between_two_looks_is_running(launch, worker, pipeline):
    run = launch(tables=["daily.sales"], **WEEK)
    looked_at = Run.objects.get(pk=run.pk)
    lease = leases.take(run.pk)
    Run.objects.filter(pk=run.pk).update(status=Run.Status.RUNNING)
    run.attempts.create(number=1, table="daily.sales", dates=["2024-01-01"], lease=lease)

    seen = run_page.run_page(looked_at, pipeline, now=timezone.now())

    assert (seen.situation.label, seen.situation.says) == ("Running", "sales, 2024-01-01")


def test_the_call_under_way_is_named(launch, read, worker, hold):
    run = hold(launch(tables=["daily.sales"], **WEEK))
    attempt(run, dates=["2024-01-01", "2024-01-02"])

    assert "State Running sales, 2024-01-01 to 2024-01-02" in read(run.get_absolute_url())


def attempt(run: Run, **kwargs) -> Attempt:
    return run.attempts.create(number=1, table="daily.sales", lease="held", **kwargs)


def test_the_end_is_not_known_before_five_dates_are_verified(launch, drive, read):
    run = drive(launch(tables=["daily.sales"], **WEEK), attempts=1)

    text = read(run.get_absolute_url())
    assert "Pace not known yet not before 5 steps are verified (4 so far)" in text
    assert "Likely done not known yet of sales fewer than 5 dates were verified" in text


def test_a_run_of_few_steps_promises_no_pace(launch, read):
    run = launch(tables=["daily.sales"], start=day("01-01"), end=day("01-02"))

    text = read(run.get_absolute_url())

    assert "Verified 0 of 2" in text and "Pace not known fewer than 5 steps to verify" in text
    assert "not known yet" not in text


def test_the_likely_end_is_a_range(launch, drive, read, hold, worker):
    run = hold(drive(launch(tables=["daily.sales"], start=day("01-01")), attempts=3))
    run.steps.exclude(seconds=None).update(seconds=300)

    text = read(run.get_absolute_url())

    assert "Likely done" in text and " to " in text.partition("Likely done")[2][:80]


def test_run_page_shows_the_time_to_a_manual_gate_instead_of_the_end(launch, drive, read, hold, worker):
    planned = launch(tables=["daily.sales", "weekly.trend"], start=day("01-01"), through_gaps=True)
    run = hold(drive(planned, attempts=3))
    run.steps.exclude(seconds=None).update(seconds=300)

    page = read(run.get_absolute_url())

    assert "To the gate" in page and "Likely done" not in page
    assert "then it waits for a person; work left in all: not known: trend has never run here" in page


def test_run_page_reports_a_slowdown(launch, read, hold):
    run = hold(launch(tables=["daily.sales"], start=day("01-01")))
    now = timezone.now()
    for step in run.steps.all()[:14]:
        run.steps.filter(pk=step.pk).update(
            status="succeeded",
            seconds=10 + step.position + 0.01 * (step.position % 3),
            finished_at=now + dt.timedelta(seconds=step.position),
        )

    assert "% a date in sales" in read(run.get_absolute_url())


def test_the_commit_of_the_jobs_is_shown_and_whether_it_was_clean(launch, read):
    run = launch(tables=["daily.sales"], **WEEK)
    Run.objects.filter(pk=run.pk).update(commit="4f1c2ab" + 33 * "0", commit_dirty=True)

    assert "jobs at 4f1c2ab , not clean" in read(run.get_absolute_url())


def test_run_page_groups_failures_by_signature(launch, drive, fault, read):
    fault("daily.sales", "01-02", "overflow")
    fault("daily.sales", "01-05", "overflow")
    run = drive(launch(tables=["daily.sales"], **WEEK))

    text = read(run.get_absolute_url())

    assert "numeric overflow: amount … exceeds DECIMAL(5,2) 2024-01-02, 2024-01-05" in text
    assert "looks like code" in text and "Plan a retry" in text


def test_the_last_log_is_there(launch, drive, read):
    run = drive(launch(tables=["daily.sales"], start=day("01-01"), end=day("01-02")))

    assert "Processing day 2/2: 2024-01-02" in read(run.get_absolute_url())


def test_timeline_names_the_operator_of_each_action(launch, operating, operator, read):
    run = launch(tables=["daily.sales"], **WEEK)
    control.pause(run, by=operator)

    assert "Paused before it began · olga" in read(run.get_absolute_url())


def test_a_viewer_sees_no_buttons(launch, viewing):
    run = launch(tables=["daily.sales"], **WEEK)

    page = viewing.get(run.get_absolute_url()).content.decode()

    assert "/pause/" not in page and "/cancel/" not in page


def test_runs_are_for_people_who_are_logged_in(client, launch):
    assert client.get(launch(tables=["daily.sales"], **WEEK).get_absolute_url()).status_code == 302


def test_markup_in_a_note_or_a_message_is_text(launch, operating):
    run = launch(tables=["daily.sales"], **WEEK)
    Run.objects.filter(pk=run.pk).update(note="<script>alert(1)</script>")

    assert b"<script>alert" not in operating.get(run.get_absolute_url()).content


@pytest.mark.parametrize("name", ["", "live/"])
def test_the_number_of_queries_does_not_grow_with_the_steps(
    launch, drive, fault, operating, name, django_assert_max_num_queries, hold, worker
):
    counts = []
    for start, end in (("01-01", "01-05"), ("01-08", "01-20")):
        fault("daily.sales", end, "overflow")
        fault("daily.sales", start, "silent")
        run = hold(drive(launch(phases=["2"], start=day(start), end=day(end)), attempts=2))
        with django_assert_max_num_queries(40) as queries:
            operating.get(f"{run.get_absolute_url()}{name}")
        counts.append(len(queries))

    assert counts[0] == counts[1]


def test_finished_run_shows_its_duration_and_no_pace(launch, drive, read):
    text = read(drive(launch(tables=["daily.sales"], **WEEK)).get_absolute_url())

    assert "Took" in text and "Pace" not in text and "not known yet" not in text


@pytest.fixture
def skipping(launch, drive) -> Run:
    """Every step waited for visits, which nobody fills, and was skipped."""
    drive(launch(tables=["daily.sales"], **WEEK))
    return drive(launch(tables=["weekly.trend"], start=day("01-04"), end=day("01-06"), through_gaps=True))


def test_run_page_groups_skipped_steps_by_reason(skipping, read):
    text = read(skipping.get_absolute_url())

    assert "Failed 0 Skipped 3 1 reason" in text
    assert "visits is missing on … 2024-01-04 to 2024-01-06 trend · 3 steps" in text
    assert "For example: visits is missing on 2024-01-04" in text


def test_reasons_are_known_of_steps_that_an_earlier_console_skipped(skipping, read):
    skipping.steps.update(signature="")

    assert "visits is missing on … 2024-01-04 to 2024-01-06" in read(skipping.get_absolute_url())


def test_page_and_summary_give_the_same_reasons(skipping, read):
    reason = "visits is missing on … 2024-01-04 to 2024-01-06 trend · 3 steps"

    assert reason in read(skipping.get_absolute_url())
    assert reason in read(f"/runs/{skipping.pk}/summary/")


def test_reasons_cost_as_many_queries_however_many_steps_were_skipped(
    skipping, launch, operating, django_assert_max_num_queries
):
    counts = []
    for run in (skipping, launch(phases=["2"])):
        run.steps.update(status="skipped", message="visits is missing on 2024-01-04", signature="visits …")
        Run.objects.filter(pk=run.pk).update(status="failed", started_at=run.launched_at)
        operating.get(run.get_absolute_url())  # what a run is about is asked once
        with django_assert_max_num_queries(40) as queries:
            operating.get(run.get_absolute_url())
        counts.append(len(queries))

    assert counts[0] == counts[1]


def test_page_of_a_finished_run_does_not_poll(launch, drive, operating):
    run = drive(launch(tables=["daily.sales"], start=day("01-01"), end=day("01-01")))

    assert "data-live" not in operating.get(run.get_absolute_url()).content.decode()
