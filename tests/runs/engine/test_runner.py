"""What becomes of a run's steps, with real jobs on a real warehouse."""

import pytest

from apps.coverage.models import Partition
from apps.coverage.scanning import snapshots
from apps.runs.models import Attempt, Run, Step
from tests.conftest import day
from tests.runs.conftest import shown, step

WEEK = {"start": day("01-01"), "end": day("01-06")}


@pytest.mark.postgresql
def test_a_run_whose_steps_are_all_verified_succeeds(launch, drive):
    run = drive(launch(tables=["daily.sales"], **WEEK))

    assert (run.status, run.message) == (Run.Status.SUCCEEDED, "All 6 steps verified")


def test_a_job_gets_consecutive_dates_in_batches(launch, drive):
    run = drive(launch(tables=["daily.sales"], **WEEK))

    assert [len(attempt.dates) for attempt in run.attempts.order_by("number")] == [4, 2]


def test_counts_after_an_attempt_are_reused_before_the_next(launch, drive, monkeypatch):
    run = launch(tables=["daily.sales"], **WEEK)
    asked, really = [], snapshots.take_snapshot
    monkeypatch.setattr(snapshots, "take_snapshot", lambda *args: asked.append(args) or really(*args))

    drive(run)

    assert (run.attempts.count(), len(asked)) == (2, 3)


def test_a_range_never_covers_a_date_that_is_not_a_step(launch, drive, ask):
    ask("INSERT INTO daily.sales SELECT ?, i, NULL FROM range(8) rows(i)", day("01-03"))

    run = drive(launch(tables=["daily.sales"], **WEEK))

    assert [attempt.dates for attempt in run.attempts.order_by("number")] == [
        ["2024-01-01", "2024-01-02"],
        ["2024-01-04", "2024-01-05", "2024-01-06"],
    ]


@pytest.mark.postgresql
def test_partitions_are_complete_as_soon_as_their_step_is_verified(launch, drive):
    drive(launch(tables=["daily.sales"], **WEEK), attempts=1)

    states = Partition.objects.of(["daily.sales"]).between(**WEEK).values_list("state", flat=True)
    assert list(states).count("complete") == 4


@pytest.mark.parametrize(
    ("fails", "message", "shows"),
    [
        pytest.param("silent", "the job ended with exit status 0, but wrote no rows", "failed", id="no rows"),
        pytest.param("0.25", "thin: 2 rows, expected 8", "thin", id="too few rows"),
        pytest.param("4", "excess: 32 rows, expected 8", "excess", id="four times the rows"),
        pytest.param("crash", "the job ended with exit status 3, but wrote no rows", "failed", id="a crash"),
    ],
)
def test_a_date_without_its_rows_fails_with_the_reason(launch, drive, fault, fails, message, shows):
    fault("daily.sales", "01-03", fails)

    run = drive(launch(tables=["daily.sales"], **WEEK))

    assert run.status == Run.Status.FAILED
    assert (step(run, "01-03").message, shown("01-03")) == (message, shows)
    assert step(run, "01-02").status == step(run, "01-04").status == Step.Status.SUCCEEDED


def test_step_message_is_the_logged_error_of_its_date(launch, drive, fault):
    fault("daily.sales", "01-02", "overflow")
    fault("daily.sales", "01-05", "overflow")

    run = drive(launch(tables=["daily.sales"], **WEEK))

    failed = run.steps.failed()
    assert {s.signature for s in failed} == {"failed: numeric overflow: amount … exceeds DECIMAL(5,2)"}
    assert "amount 10" in step(run, "01-02").message


def test_step_message_reports_a_job_that_cannot_be_started(launch, drive, pipeline, shop):
    run = drive(launch(tables=["daily.sales"], **WEEK), attempts=1)
    (shop.parent / "jobs").rename(shop.parent / "elsewhere")

    drive(run)

    assert "could not be started" in step(run, "01-06").message


def test_the_rows_before_and_after_are_kept(launch, drive, ask):
    ask("INSERT INTO daily.sales SELECT ?, i, NULL FROM range(3) rows(i)", day("01-01"))

    run = drive(launch(tables=["daily.sales"], **WEEK))

    assert (step(run, "01-01").rows_before, step(run, "01-01").rows_after) == (3, 8)


def test_sql_that_the_warehouse_runs_fills_dates_like_a_job(launch, drive):
    drive(launch(phases=["2"], **WEEK))

    run = drive(launch(tables=["weekly.trend"], **WEEK))

    assert run.status == Run.Status.SUCCEEDED
    assert run.attempts.get().argv == [
        "sql",
        "jobs/trend.sql",
        "start_date=2024-01-04",
        "end_date=2024-01-06",
    ]


def test_a_step_whose_inputs_are_not_complete_is_skipped_with_the_reason(launch, drive):
    drive(launch(tables=["daily.sales"], start=day("01-01"), end=day("01-05")))
    drive(launch(tables=["daily.visits"], start=day("01-01"), end=day("01-04")))

    run = drive(launch(tables=["weekly.trend"], start=day("01-04"), end=day("01-06"), through_gaps=True))

    assert step(run, "01-04", "weekly.trend").status == Step.Status.SUCCEEDED
    assert step(run, "01-05", "weekly.trend").message == "visits is missing on 2024-01-05"
    assert step(run, "01-06", "weekly.trend").message == "sales is missing on 2024-01-06"
    assert run.status == Run.Status.FAILED


def test_a_run_waits_for_a_person_at_a_manual_gate(launch, drive):
    run = drive(launch(**WEEK))

    assert (run.status, run.pause_reason) == (Run.Status.PAUSED, Run.PauseReason.GATE)
    assert run.message == "Phase 3 starts by hand"
    assert run.steps.pending().count() == 3


@pytest.mark.postgresql
def test_run_pauses_after_five_failures_with_the_same_signature(launch, drive, fault):
    for number in range(1, 20):
        fault("daily.sales", f"01-{number:02}", "overflow")

    run = drive(launch(tables=["daily.sales"], start=day("01-01"), end=day("01-20")))

    assert (run.status, run.pause_reason) == (Run.Status.PAUSED, Run.PauseReason.FAILURES)
    assert "5 failures in a row say the same" in run.message
    assert run.attempts.count() < 4


def test_the_call_is_kept_with_its_words_folder_and_log(launch, drive):
    run = drive(launch(tables=["daily.sales"], start=day("01-01"), end=day("01-02")))

    attempt = run.attempts.get()
    assert attempt.argv[1:] == [
        "fill.py",
        "daily.sales",
        "--start",
        "2024-01-01",
        "--end",
        "2024-01-02",
        "--safe",
    ]
    assert attempt.environment["BACKFILL_RUN"] == str(run.pk)
    assert (attempt.status, attempt.exit_status) == (Attempt.Status.ENDED, 0)
    assert "Processing day 2/2: 2024-01-02" in attempt.log_path.read_text()


@pytest.mark.postgresql
def test_timeline_lists_launch_start_verification_and_end(launch, drive):
    run = drive(launch(tables=["daily.sales"], start=day("01-01"), end=day("01-02")))

    assert [event.text for event in run.events.order_by("id")] == [
        "Launched: 2 steps, 0 left out",
        "Started",
        "sales verified on 2 of 2",
        "All 2 steps verified",
    ]


@pytest.mark.postgresql
def test_coverage_before_and_after_are_kept(launch, drive):
    run = drive(launch(tables=["daily.sales"], start=day("01-01"), end=day("01-02")))

    assert run.coverage_before["tables"]["daily.sales"]["winter"] == [0, 19, 0]
    assert run.coverage_after["tables"]["daily.sales"]["winter"] == [2, 19, 0]


def test_a_failure_of_a_new_kind_has_its_line_in_the_timeline(launch, drive, fault):
    fault("daily.sales", "01-01", "overflow")
    fault("daily.sales", "01-05", "overflow")

    run = drive(launch(tables=["daily.sales"], start=day("01-01"), end=day("01-10")))

    (news,) = run.events.filter(kind="first failure")
    assert news.text.startswith("sales failed in a new way on 2024-01-01: failed: numeric overflow")


def test_failure_in_the_last_attempt_has_no_separate_timeline_line(launch, drive, fault):
    fault("daily.sales", "01-01", "overflow")

    run = drive(launch(tables=["daily.sales"], start=day("01-01"), end=day("01-01")))

    assert not run.events.filter(kind="first failure").exists()
