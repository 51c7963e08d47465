"""What a call does to dates of its table that it was not asked for: lost rows stop the run, new rows are said."""

import pytest

from apps import masking
from apps.coverage.models import Partition
from apps.coverage.scanning import snapshots
from apps.runs.models import Run
from apps.runs.results import redos
from tests.conftest import day
from tests.runs.conftest import sales, shown, step

EVERYTHING = "also DELETE FROM daily.sales"


def test_a_job_that_replaces_its_whole_table_is_paused_after_the_first_loss(launch, drive, fault):
    for date in ("01-05", "01-06"):
        fault("daily.sales", date, EVERYTHING)

    run = drive(launch(**sales("01-01", "01-10")))

    assert (run.status, run.pause_reason) == (Run.Status.PAUSED, Run.PauseReason.FAILURES)
    assert run.attempts.count() == 2
    assert run.message == (
        "Attempt 2 (2024-01-05 to 2024-01-06, 2024-01-08 to 2024-01-09) destroyed what was complete: "
        "sales lost 32 rows on 4 dates (2024-01-01 to 2024-01-04). Mend the job before you resume the run"
    )


def test_a_verified_step_that_lost_its_rows_failed_and_names_the_call(launch, drive, fault):
    fault("daily.sales", "01-06", "also DELETE FROM daily.sales WHERE day <= '2024-01-02'")

    run = drive(launch(**sales("01-01", "01-06")))

    assert [each.date for each in run.steps.failed()] == [day("01-01"), day("01-02")]
    assert step(run, "01-01").message == (
        "regression: 8 rows when it was verified, 0 after attempt 2 (2024-01-05 to 2024-01-06)"
    )
    assert (shown("01-01"), shown("01-03"), shown("01-06")) == ("failed", "complete", "complete")
    assert (run.status, run.message) == (Run.Status.FAILED, "4 of 6 steps verified; 2 failed")


def test_timeline_reports_rows_destroyed_by_an_attempt(launch, drive, fault):
    fault("daily.sales", "01-06", "also DELETE FROM daily.sales WHERE day = '2024-01-02'")

    run = drive(launch(**sales("01-01", "01-06")))

    (event,) = run.events.filter(kind="regression")
    assert event.text == (
        "sales lost 8 rows on 2024-01-02 that was complete, in attempt 2 (2024-01-05 to 2024-01-06)"
    )


def test_a_date_that_is_no_step_of_the_run_shows_as_a_regression_too(launch, drive, fault, fill):
    fill("01-15", "01-16")
    fault("daily.sales", "01-02", "also DELETE FROM daily.sales WHERE day > '2024-01-14'")

    run = drive(launch(**sales("01-01", "01-10")))

    lost = Partition.objects.regressions().values_list("date", flat=True)
    assert sorted(lost) == [day("01-15"), day("01-16")]
    assert (run.status, run.attempts.count()) == (Run.Status.PAUSED, 1)
    assert "sales lost 16 rows on 2 dates (2024-01-15 to 2024-01-16)" in run.message


def test_a_redo_that_deletes_its_own_date_pauses_at_once(launch, drive, fault, fill):
    fill("01-01", "01-02", "01-03")
    fault("daily.sales", "01-01", "0")

    run = drive(launch(**sales("01-01", "01-12", reprocess="all")))

    assert (run.status, run.pause_reason, run.attempts.count()) == (
        Run.Status.PAUSED,
        Run.PauseReason.FAILURES,
        1,
    )
    assert step(run, "01-01").message == "regression: 8 rows before the call, 0 after it"
    assert "sales lost 8 rows on 2024-01-01. Mend the job" in run.message


@pytest.fixture
def named_like_a_secret() -> None:
    """A password that is a word of the table's name, too."""
    masking.learn({"GAUGE_PASSWORD": "daily"})


def test_a_loss_is_no_success_where_a_secret_is_a_word_of_the_tables_name(
    named_like_a_secret, launch, drive, fault, fill
):
    fill("01-15")
    fault("daily.sales", "01-02", "also DELETE FROM daily.sales WHERE day = '2024-01-15'")

    run = drive(launch(**sales("01-01", "01-02")))

    assert run.status == Run.Status.FAILED
    assert "rows were lost on complete dates that were not asked for: sales 2024-01-15" in run.message


DOUBLED = "also INSERT INTO daily.sales SELECT * FROM daily.sales WHERE day <= '2024-01-03'"


def test_a_call_that_doubles_what_was_complete_pauses_at_once(launch, drive, fault, fill):
    fill("01-01", "01-02", "01-03")
    fault("daily.sales", "01-04", DOUBLED)

    run = drive(launch(**sales("01-04", "01-12")))

    assert (run.status, run.pause_reason, run.attempts.count()) == (
        Run.Status.PAUSED,
        Run.PauseReason.FAILURES,
        1,
    )
    assert "sales has 24 rows more and too many on 3 dates (2024-01-01 to 2024-01-03). Mend" in run.message


def test_a_run_of_one_step_that_doubled_other_dates_is_no_success(launch, drive, fault, fill):
    fill("01-01", "01-02", "01-03")
    fault("daily.sales", "01-04", DOUBLED)

    run = drive(launch(**sales("01-04", "01-04")))

    assert (run.status, run.message) == (
        Run.Status.FAILED,
        "All 1 steps verified, but there are too many rows on complete dates that were not asked for: "
        "sales 2024-01-01 to 2024-01-03",
    )


def test_a_verified_step_that_was_doubled_failed_and_names_the_call(launch, drive, fault):
    fault(
        "daily.sales",
        "01-06",
        "also INSERT INTO daily.sales SELECT * FROM daily.sales WHERE day = '2024-01-02'",
    )

    run = drive(launch(**sales("01-01", "01-06")))

    assert step(run, "01-02").message == (
        "excess after attempt 2 (2024-01-05 to 2024-01-06): 16 rows with 8 different keys, expected 8: 8 rows too many "
        "of the same key"
    )
    assert run.message == "5 of 6 steps verified; 1 failed"


def test_a_complete_date_that_lost_rows_in_the_run_stays_an_open_failure(
    launch, drive, fault, fill, plan, scan, ask
):
    fill("01-01", "01-02", "01-03", "01-04", "01-05", "01-06")
    for date in ("01-01", "01-02"):  # within what is expected: 4 to 12 rows
        fault("daily.visits", date, "1.5")
    fault("daily.visits", "01-06", "also DELETE FROM daily.visits WHERE day <= '2024-01-02' AND item > 9")
    run = drive(launch(tables=["daily.visits"], start=day("01-01"), end=day("01-06")))
    assert [str(each.date) for each in run.steps.failed()] == ["2024-01-01", "2024-01-02"]

    scan()

    assert Partition.objects.open_failures().of(["daily.visits"]).count() == 2
    assert shown("01-01", "daily.visits") == "redo_failed"
    again = plan(tables=["daily.visits"], start=day("01-01"), end=day("01-06"))
    assert [str(each.date) for each in again.steps] == ["2024-01-01", "2024-01-02"]


def test_a_complete_date_without_any_row_left_was_destroyed(empty_allowed, launch, drive, fault):
    fault("daily.visits", "01-06", "also DELETE FROM daily.visits")

    run = drive(launch(tables=["daily.visits"], start=day("01-01"), end=day("01-12"), reprocess="all"))

    assert (run.status, run.pause_reason) == (Run.Status.PAUSED, Run.PauseReason.FAILURES)
    assert (
        "destroyed what was complete: visits lost 40 rows on 5 dates (2024-01-01 to 2024-01-05)"
        in run.message
    )


def test_a_neighbour_that_is_still_complete_is_a_regression_and_no_pause(launch, drive, fault, fill, ask):
    fill("01-01", "01-02", "01-03", "01-04", "01-05", "01-06")
    for date in ("01-01", "01-02"):
        ask("INSERT INTO daily.visits SELECT ?, i FROM range(12) rows(i)", day(date))
    fault("daily.visits", "01-06", "also DELETE FROM daily.visits WHERE day = '2024-01-01' AND item > 9")

    run = drive(launch(tables=["daily.visits"], start=day("01-03"), end=day("01-06")))

    assert run.attempts.count() == 1
    assert [str(date) for date in Partition.objects.regressions().values_list("date", flat=True)] == [
        "2024-01-01"
    ]


def test_step_message_names_rows_written_to_another_date(launch, drive, fault):
    fault("daily.sales", "03-01", "elsewhere 2024-03-08")

    run = drive(launch(**sales("03-01", "03-02")))

    assert step(run, "03-01").message == (
        "no rows on 2024-03-01; 8 rows appeared on 2024-03-08, which the call was not asked for"
    )
    assert shown("03-08") == "complete"


def test_step_message_names_rows_written_outside_every_season(launch, drive, fault):
    fault("daily.sales", "03-01", "elsewhere 2020-02-01")

    run = drive(launch(**sales("03-01", "03-02")))

    assert "8 rows appeared on 2020-02-01, which the call was not asked for" in step(run, "03-01").message
    assert not Partition.objects.filter(date="2020-02-01").exists()


def test_attempt_that_also_wrote_later_dates_is_verified_with_a_timeline_event(launch, drive, fault):
    ahead = "also INSERT INTO daily.sales SELECT '2024-03-08'::DATE + d::INT, i, NULL FROM range(2) d(d), range(8) r(i)"
    fault("daily.sales", "03-01", ahead)

    run = drive(launch(**sales("03-01", "03-02")))

    assert run.status == Run.Status.SUCCEEDED
    (event,) = run.events.filter(kind="wrote beside")
    assert event.text == (
        "In attempt 1 (2024-03-01 to 2024-03-02) 16 rows appeared on 2 dates (2024-03-08 to 2024-03-09), "
        "which the call was not asked for"
    )


def test_rows_inside_the_range_of_an_attempt_are_no_side_effect(launch, drive, fault):
    fault(
        "daily.sales", "01-06", "also INSERT INTO daily.sales SELECT '2024-01-07', i, NULL FROM range(8) r(i)"
    )

    run = drive(launch(**sales("01-06", "01-08")))

    assert not run.events.filter(kind="wrote beside").exists()


def test_the_look_after_a_call_stays_one_query(launch, drive, monkeypatch, fault):
    fault("daily.sales", "01-06", "also DELETE FROM daily.sales WHERE day = '2024-01-02'")
    run = launch(**sales("01-01", "01-06"))
    queries, really = [], snapshots.take_snapshot

    def counted(pipeline, warehouse, wanted):
        before = warehouse.queries
        found = really(pipeline, warehouse, wanted)
        queries.append(warehouse.queries - before)
        return found

    monkeypatch.setattr(snapshots, "take_snapshot", counted)

    drive(run)

    assert (run.attempts.count(), queries) == (2, [1, 1, 1])


@pytest.fixture
def twice(rewrite) -> None:
    """Jobs are tried twice."""
    rewrite("attempts = 1", "attempts = 2", times=-1)


def test_rows_written_to_another_date_are_reported_on_the_second_attempt_too(twice, launch, drive, fault):
    fault("daily.sales", "01-02", "elsewhere 2024-01-20")

    run = drive(launch(**sales("01-02", "01-02")))

    assert step(run, "01-02").attempts == 2
    assert step(run, "01-02").message == (
        "no rows on 2024-01-02; 8 rows appeared on 2024-01-20, which the call was not asked for"
    )


def test_a_first_fill_that_took_two_attempts_is_not_done_again(twice, launch, drive, fault):
    fault("daily.sales", "01-02", "0.5")

    run = drive(launch(**sales("01-01", "01-03")))

    assert step(run, "01-02").rows_before == 0
    assert redos.rework_of(run) is None
