"""A run is verified as a whole: what it filled, and what was complete before, is looked at again before it ends."""

import pytest

from apps import timing
from apps.coverage.models import Partition
from apps.runs import control
from apps.runs.engine import final_check
from apps.runs.models import Run, Step
from tests.conftest import day
from tests.runs.conftest import sales, shown, step

Status = Run.Status


def meanwhile(monkeypatch, act) -> list[int]:
    """Has something happen in the warehouse after the last call, before the last look; answers its queries."""
    queries, done, really = [], [], final_check.read

    def read(lane, warehouse):
        if not done:
            done.append(True)  # what is done may look a last time too
            act()
        before = warehouse.queries
        try:
            return really(lane, warehouse)
        finally:
            queries.append(warehouse.queries - before)

    monkeypatch.setattr(final_check, "read", read)
    return queries


def test_a_date_that_was_lost_after_its_call_fails_before_the_run_ends(launch, drive, ask, monkeypatch):
    meanwhile(monkeypatch, lambda: ask("DELETE FROM daily.sales WHERE day = '2024-01-02'"))

    run = drive(launch(**sales("01-01", "01-06")))

    assert (run.status, run.message) == (Status.FAILED, "5 of 6 steps verified; 1 failed")
    assert step(run, "01-02").message == (
        "regression: 8 rows when it was verified, 0 at the end of the run; "
        "called in between: sales in attempt 2 (2024-01-05 to 2024-01-06)"
    )
    assert shown("01-02") == "failed"


def test_fewer_keys_at_the_end_are_a_loss_too(launch, drive, ask, monkeypatch):
    meanwhile(monkeypatch, lambda: ask("UPDATE daily.sales SET item = 0 WHERE day = '2024-01-06'"))

    run = drive(launch(**sales("01-05", "01-06")))

    assert step(run, "01-06").message.startswith(
        "regression: 8 different keys when it was verified, 1 at the end"
    )


def test_the_last_look_is_one_query_however_many_dates(launch, drive, monkeypatch):
    queries = meanwhile(monkeypatch, lambda: None)

    run = drive(launch(tables=["daily.sales", "daily.visits"], start=day("01-01"), end=day("01-10")))

    assert (run.status, run.steps.count(), queries) == (Status.SUCCEEDED, 18, [1])


def test_run_pauses_if_the_warehouse_is_unreachable_in_the_final_check(launch, perform, shop, monkeypatch):
    monkeypatch.setattr(timing, "WAREHOUSE_RETRY_FOR", 0)
    away = shop.with_suffix(".away")
    meanwhile(monkeypatch, lambda: shop.rename(away))

    run = perform(launch(**sales("01-01", "01-02")))

    assert (run.status, run.pause_reason) == (Status.PAUSED, Run.PauseReason.WAREHOUSE)
    away.rename(shop)
    control.resume(run, by="olga")
    assert perform(run).status == Status.SUCCEEDED


def test_run_that_destroyed_complete_dates_outside_its_steps_fails(launch, drive, fault, fill):
    fill("01-15", "01-16")
    fault("daily.sales", "01-02", "also DELETE FROM daily.sales WHERE day = '2024-01-15'")

    run = drive(launch(**sales("01-01", "01-02")))

    assert (run.status, run.message) == (
        Status.FAILED,
        "All 2 steps verified, but rows were lost on complete dates that were not asked for: sales 2024-01-15",
    )


def test_a_loss_by_others_while_the_run_was_at_work_is_seen_at_its_end(launch, drive, ask, fill, monkeypatch):
    fill("01-15")
    meanwhile(monkeypatch, lambda: ask("DELETE FROM daily.sales WHERE day = '2024-01-15'"))

    run = drive(launch(**sales("01-01", "01-02")))

    assert run.status == Status.FAILED
    (event,) = run.events.filter(kind="regression")
    assert event.text == "sales lost rows while the run was at work, on complete dates: 2024-01-15"


VISITS = {"tables": ["daily.visits"], "start": day("01-01"), "end": day("01-02")}


@pytest.fixture
def lose_a_visit(ask):
    """Eight visits on a date that is complete with four already; answers how to lose one of a date's."""
    ask("INSERT INTO daily.visits (day, item) SELECT DATE '2024-01-15', i FROM range(8) rows(i)")
    return lambda date: ask(
        "DELETE FROM daily.visits WHERE day = ? AND item = (SELECT max(item) FROM daily.visits WHERE day = ?)",
        day(date),
        day(date),
    )


def test_row_lost_on_a_date_of_no_step_is_a_regression_while_still_complete(
    launch, drive, lose_a_visit, monkeypatch
):
    meanwhile(monkeypatch, lambda: lose_a_visit("01-15"))

    run = drive(launch(**VISITS))

    (event,) = run.events.filter(kind="regression")
    assert event.text == "visits lost rows while the run was at work, on complete dates: 2024-01-15"


def test_row_lost_after_its_call_fails_a_date_while_still_complete(launch, drive, lose_a_visit, monkeypatch):
    meanwhile(monkeypatch, lambda: lose_a_visit("01-02"))

    run = drive(launch(**VISITS))

    assert step(run, "01-02", "daily.visits").status == "failed"
    assert step(run, "01-01", "daily.visits").status == "succeeded"


def test_row_lost_before_a_call_is_not_attributed_to_the_run(launch, drive, lose_a_visit):
    run = launch(**VISITS)
    lose_a_visit("01-15")

    assert drive(run).status == Status.SUCCEEDED
    assert [each.date for each in Partition.objects.regressions()] == [day("01-15")]


def test_a_date_that_another_run_began_to_redo_during_the_last_look_is_not_lost(
    launch, drive, ask, fill, monkeypatch
):
    fill("01-15")
    other = launch(reprocess="all", **sales("01-15", "01-15"))
    meanwhile(monkeypatch, lambda: ask("DELETE FROM daily.sales WHERE day = '2024-01-15'"))
    settle = final_check.apply_final_check

    def after_its_claim(lane, look):
        other.attempts.create(number=1, table="daily.sales", dates=["2024-01-15"], lease="of another lane")
        settle(lane, look)

    monkeypatch.setattr(final_check, "apply_final_check", after_its_claim)

    run = drive(launch(**sales("01-01", "01-02")))

    assert not run.events.filter(kind="regression").exists()


def test_rows_lost_before_the_run_started_are_not_attributed_to_it(launch, drive, ask, fill):
    fill("01-15")
    run = launch(**sales("01-01", "01-02"))
    ask("DELETE FROM daily.sales WHERE day = '2024-01-15'")

    assert drive(run).status == Status.SUCCEEDED
    assert [each.date for each in Partition.objects.regressions()] == [day("01-15")]


def test_date_that_the_run_refilled_is_no_longer_a_regression(launch, drive, fault, fill):
    fill("01-05", "01-06")
    fault("daily.sales", "01-01", "also DELETE FROM daily.sales WHERE day > '2024-01-04'")
    run = drive(launch(**sales("01-01", "01-06", reprocess="all")))
    fault.mend()
    control.resume(run, by="olga", reason="the job is mended")

    assert drive(run).status == Status.SUCCEEDED


def test_a_verified_date_that_another_run_answers_for_stays_verified(launch, drive, ask, monkeypatch):
    first = drive(launch(**sales("01-01", "01-02")))
    run = launch(**sales("01-05", "01-06"))
    Step.objects.filter(run=first).update(run=run, position=9)
    other = launch(reprocess="all", **sales("01-01", "01-01"))
    meanwhile(monkeypatch, lambda: (ask("DELETE FROM daily.sales WHERE day = '2024-01-01'"), drive(other)))

    assert step(drive(run), "01-01").status == "succeeded"


def test_coverage_before_is_that_of_the_start_not_of_the_launch(launch, drive):
    first, second = launch(**sales("01-01", "01-04")), launch(**sales("01-05", "01-06"))

    drive(first)
    drive(second)

    assert second.coverage_before["tables"]["daily.sales"]["winter"] == [4, 19, 0]


def test_a_paused_redo_leaves_its_readers_marked_as_stale(launch, drive, ask, scan):
    ask("INSERT INTO daily.sales SELECT day, i, '2024-02-01' FROM raw.days, range(8) r(i) WHERE open")
    ask("INSERT INTO daily.visits SELECT day, i FROM raw.days, range(8) r(i) WHERE open")
    ask("INSERT INTO weekly.trend SELECT day, 90.0 FROM raw.days WHERE open")
    run = launch(reprocess="all", **sales("01-04", "01-10"))
    trend = Partition.objects.filter(table="weekly.trend", date=day("01-04"))
    trend.update(modified_at="2024-02-02T00:00:00Z")

    drive(run, attempts=1)
    control.pause(run, by="olga")

    assert drive(run).status == Status.PAUSED
    assert trend.get().state == "stale"


# What was read ----------------------------------------------------------------------------------------


def test_run_fails_if_an_attempt_destroyed_rows_of_its_own_input(launch, drive, fault):
    fault("daily.sales", "01-03", "also DELETE FROM raw.orders WHERE day <= DATE '2024-01-02'")

    run = drive(launch(tables=["daily.sales"], start=day("01-01"), end=day("01-04")))

    assert run.status == Run.Status.FAILED
    assert run.message.endswith(
        "rows were lost on complete dates that were not asked for: orders 2024-01-01 to 2024-01-02"
    )
    assert shown("01-02", "raw.orders") == "missing"


def test_an_input_that_cannot_be_read_at_the_end_keeps_no_run_from_ending(launch, drive, fault):
    fault("daily.sales", "01-03", "also ALTER TABLE raw.orders RENAME COLUMN day TO date")

    run = drive(launch(tables=["daily.sales"], start=day("01-01"), end=day("01-04")))

    assert (run.status, run.message) == (Run.Status.SUCCEEDED, "All 4 steps verified")
    assert shown("01-02", "raw.orders") == "complete"


def test_a_loss_names_the_calls_of_other_tables_too(launch, drive, fault):
    fault("daily.visits", "01-03", "also DELETE FROM daily.sales WHERE day = DATE '2024-01-02'")

    run = drive(launch(tables=["daily.sales", "daily.visits"], start=day("01-01"), end=day("01-05")))

    assert step(run, "01-02").message == (
        "regression: 8 rows when it was verified, 0 at the end of the run; called in between: "
        "visits in attempt 3 (2024-01-01 to 2024-01-05), sales in attempt 2 (2024-01-05)"
    )


def test_all_calls_in_between_are_named_by_their_numbers(launch, drive, ask, fault, monkeypatch):
    meanwhile(monkeypatch, lambda: ask("DELETE FROM daily.sales WHERE day = '2024-01-02'"))

    run = drive(launch(batch=1, **sales("01-01", "01-06")))

    assert step(run, "01-02").message.endswith("called in between: sales in attempts 3 to 6")


def test_complete_dates_that_another_tables_call_doubled_are_no_success(launch, drive, fault, fill):
    fill("01-15", "01-16")
    again = "INSERT INTO daily.sales SELECT * FROM daily.sales WHERE day = DATE '2024-01-15'"
    fault("daily.visits", "01-03", f"also {again}")

    run = drive(launch(tables=["daily.sales", "daily.visits"], start=day("01-01"), end=day("01-05")))

    assert (run.status, run.message) == (
        Status.FAILED,
        "All 10 steps verified, but there are too many rows on complete dates that were not asked for: "
        "sales 2024-01-15",
    )
    assert (shown("01-15"), shown("01-16")) == ("excess", "complete")


def test_final_check_covers_the_comparison_table(launch, drive, fault, fill):
    fill("01-01", "01-02", "01-15")
    fault("daily.visits", "01-02", "also DELETE FROM daily.sales WHERE day = DATE '2024-01-01'")

    run = drive(launch(tables=["daily.visits"], start=day("01-01"), end=day("01-02")))

    assert run.status == Status.FAILED
    assert "rows were lost on complete dates that were not asked for: sales 2024-01-01" in run.message
    assert shown("01-01") == "missing"
