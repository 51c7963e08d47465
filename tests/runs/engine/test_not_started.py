"""A job that aborts in the middle of a call: the dates that it never began are not held against anybody."""

from pathlib import Path

import pytest

from apps.coverage.models import Partition
from apps.runs.calls.jobs import Outcome
from apps.runs.engine import not_started
from apps.runs.failures import log_messages
from apps.runs.models import Run, Step
from tests.conftest import day
from tests.runs.conftest import shown, step

FOUR = [day("01-01"), day("01-02"), day("01-03"), day("01-04")]


def tries(run: Run) -> dict[str, tuple[str, int]]:
    """Each date's status and attempts."""
    return {f"{each.date:%m-%d}": (each.status, each.attempts) for each in run.steps.order_by("date")}


def test_dates_behind_an_abort_are_pending_and_no_attempt_counts(launch, drive, fault):
    fault("daily.sales", "01-02", "abort")

    run = drive(launch(tables=["daily.sales"], start=day("01-01"), end=day("01-04")), attempts=1)

    assert tries(run) == {
        "01-01": ("succeeded", 1),
        "01-02": ("failed", 1),
        "01-03": ("pending", 0),
        "01-04": ("pending", 0),
    }
    assert step(run, "01-03").message == "not begun: the job ended at 2024-01-02, before this date"
    assert shown("01-03") == Partition.Activity.QUEUED


def test_dates_that_were_not_begun_are_filled_by_the_next_call(launch, drive, fault):
    fault("daily.sales", "01-01", "abort")

    run = drive(launch(tables=["daily.sales"], start=day("01-01"), end=day("01-04")))

    assert step(run, "01-01").message == "no connection to the till"
    assert run.steps.filter(status=Step.Status.SUCCEEDED, attempts=1, message="").count() == 3


def test_a_job_that_aborts_on_every_date_comes_to_an_end(launch, drive, fault):
    for date in ("01-01", "01-02", "01-03", "01-04"):
        fault("daily.sales", date, "abort")

    run = drive(launch(tables=["daily.sales"], start=day("01-01"), end=day("01-04")))

    assert (run.status, run.attempts.count()) == (Run.Status.FAILED, 4)
    assert set(run.steps.values_list("attempts", flat=True)) == {1}


def test_a_job_killed_at_a_date_never_began_those_behind_it(launch, drive, fault):
    fault("daily.sales", "01-02", "crash")

    run = drive(launch(tables=["daily.sales"], start=day("01-01"), end=day("01-04")), attempts=1)

    assert [tries(run)[date] for date in ("01-02", "01-03")] == [("failed", 1), ("pending", 0)]


def test_a_retried_date_is_alone_in_its_call_wherever_it_stands(launch, drive, fault, pipeline):
    job = pipeline.table("daily.sales").job
    object.__setattr__(job, "attempts", 2)
    fault("daily.sales", "01-02", "abort")

    run = drive(launch(tables=["daily.sales"], start=day("01-01"), end=day("01-04")))

    calls = [attempt.dates for attempt in run.attempts.order_by("number")]
    assert ["2024-01-02"] in calls[1:]
    assert tries(run)["01-02"] == ("failed", 2)
    assert tries(run)["01-04"] == ("succeeded", 1)


@pytest.mark.parametrize(
    ("log", "never"),
    [
        ("INFO day 1/4: 2024-01-01\nERROR broken\n", ["01-02", "01-03", "01-04"]),
        ("INFO day 1/4: 2024-01-01\nINFO fine\nINFO 2024-01-02\nERROR broken\n", ["01-03", "01-04"]),
        # Newest first.
        ("INFO 2024-01-04\nERROR broken\n", ["01-03", "01-02", "01-01"]),
        ("INFO 2024-01-04\nINFO 2024-01-03\nERROR broken\n", ["01-02", "01-01"]),
        # In parallel: what lies before the last one that it began was begun too.
        ("INFO 2024-01-01\nINFO 2024-01-03\nERROR 2024-01-01 broken\n", ["01-04"]),
        # The whole call in its first line, as a range or a list.
        (
            "INFO processing 2024-01-01 to 2024-01-04\nINFO 2024-01-01\nERROR broken\n",
            ["01-02", "01-03", "01-04"],
        ),
        ("INFO processing 2024-01-01 to 2024-01-04\nERROR broken\n", []),
        ("INFO dates=2024-01-01,2024-01-02,2024-01-03,2024-01-04\nERROR broken\n", []),
        # No date at all, no error at all, all of them.
        ("ERROR broken\n", []),
        ("INFO 2024-01-01\nINFO fine\n", []),
        ("INFO 2024-01-01\nINFO 2024-01-02\nINFO 2024-01-03\nERROR 2024-01-04: broken\n", []),
        ("", []),
    ],
)
def test_dates_not_begun_are_derived_only_from_a_log_that_names_dates(tmp_path: Path, log, never):
    (tmp_path / "log").write_text(log)
    reading = log_messages.read_log(tmp_path / "log", FOUR)

    found = not_started.dates_not_started(FOUR, reading, Outcome(exit_status=0), failed=FOUR, untouched=FOUR)

    assert [f"{date:%m-%d}" for date in found] == never


def test_a_date_on_which_the_call_wrote_was_begun(tmp_path: Path):
    (tmp_path / "log").write_text("INFO 2024-01-01\nERROR broken\n")
    reading = log_messages.read_log(tmp_path / "log", FOUR)

    found = not_started.dates_not_started(
        FOUR, reading, Outcome(exit_status=0), failed=FOUR, untouched=FOUR[:3]
    )

    assert day("01-04") not in found


def test_an_error_after_a_line_about_the_whole_call_concerns_all_dates(tmp_path: Path):
    (tmp_path / "log").write_text("INFO processing 2024-01-01 to 2024-01-04\nERROR no such project\n")

    read = log_messages.read_log(tmp_path / "log", FOUR)

    assert [read.message(date) for date in FOUR] == ["no such project"] * 4
