"""A redo after which nothing was written is never a plain success."""

import datetime as dt
from dataclasses import replace

import pytest
from django.utils import timezone

from apps.cli.management.commands import backfill
from apps.coverage.models import Partition
from apps.coverage.scanning import staleness
from apps.runs import control
from apps.runs.engine import final_check
from apps.runs.models import Run
from apps.runs.plans import planning, selections
from apps.runs.results import discrepancies, redos
from tests.conftest import day
from tests.runs.conftest import step
from tests.runs.engine.test_side_effects import sales


@pytest.fixture
def filled(ask):
    """Sales of three dates, complete, and written on 1 February."""
    ask(
        "INSERT INTO daily.sales SELECT day, i, '2024-02-01 12:00' FROM raw.days, range(8) r(i) "
        "WHERE day <= '2024-01-03'"
    )


@pytest.fixture
def skips_what_is_there(fault):
    """The job keeps checkpoints of its own."""
    for date in ("01-01", "01-02", "01-03"):
        fault("daily.sales", date, "silent")


def orders_written_later() -> None:
    """As an engine notes it that knows when each date was written."""
    later = dt.datetime(2024, 2, 2, 9, 30, tzinfo=dt.UTC)
    Partition.objects.filter(table="raw.orders", date__lte=day("01-03")).update(modified_at=later)


def test_stale_date_that_was_not_rewritten_fails_and_names_the_newer_input(
    filled, skips_what_is_there, drive, pipeline, first_scan
):
    orders_written_later()
    staleness.mark(pipeline)
    plan = planning.plan(pipeline, selections.select(pipeline, **sales("01-01", "01-03")))
    run = drive(control.launch(plan, pipeline, by="olga", queued=False))

    assert (run.status, run.message) == (Run.Status.FAILED, "0 of 3 steps verified; 3 failed")
    assert step(run, "01-02").message == (
        "as old as before; orders of 2024-01-02 was written after it, on 2024-02-02 at 09:30 UTC"
    )


def test_a_date_that_was_not_written_failed_though_it_was_not_stale(
    filled, skips_what_is_there, launch, drive
):
    run = drive(launch(reprocess="all", **sales("01-01", "01-03")))

    assert run.status == Run.Status.FAILED
    assert step(run, "01-02").message == (
        "nothing was written: its rows are those of 2024-02-01 12:00 UTC, as before the call"
    )


def test_the_same_rows_written_again_are_verified(filled, launch, drive):
    run = drive(launch(reprocess="all", **sales("01-01", "01-03")))

    assert (run.status, run.message) == (Run.Status.SUCCEEDED, "All 3 steps verified")


def test_redo_without_written_column_notes_that_only_row_counts_were_compared(filled, ask, launch, drive):
    ask("INSERT INTO daily.visits SELECT day, i FROM raw.days, range(8) r(i) WHERE day <= '2024-01-03'")
    run = drive(launch(reprocess="all", tables=["daily.visits"], start=day("01-01"), end=day("01-03")))

    assert run.status == Run.Status.SUCCEEDED
    assert discrepancies.notes(run, verified=3) == backfill.result(run)["notes"]
    assert discrepancies.notes(run, verified=3) == [
        "3 verified with as many rows as before; whether they were written again cannot be told, since no "
        "written_column of visits says when"
    ]


def test_a_stale_date_that_the_warehouse_did_not_write_failed_in_the_last_look(
    ask, launch, drive, monkeypatch, pipeline
):
    ask("INSERT INTO daily.sales SELECT day, i, NULL FROM raw.days, range(8) r(i) WHERE day <= '2024-01-03'")
    ask("INSERT INTO daily.visits SELECT day, i FROM raw.days, range(8) r(i) WHERE day <= '2024-01-03'")
    run = launch(reprocess="all", tables=["daily.visits"], start=day("01-01"), end=day("01-03"))
    noted = timezone.now() - dt.timedelta(days=1)
    Partition.objects.filter(table="daily.visits", date=day("01-02")).update(modified_at=noted)
    Partition.objects.filter(table="raw.orders", date=day("01-02")).update(modified_at=timezone.now())
    staleness.mark(pipeline)
    really = final_check.readings.read_range

    def as_the_engine_notes_it(*args):
        found = really(*args)
        one = found["daily.visits", day("01-02")]
        return found | {(one.table, one.date): replace(one, count=one.count._replace(modified_at=noted))}

    monkeypatch.setattr(final_check.readings, "read_range", as_the_engine_notes_it)

    run = drive(run)

    assert step(run, "01-02", "daily.visits").message.startswith(
        "as old as before; orders of 2024-01-02 was written"
    )
    assert (run.status, step(run, "01-03", "daily.visits").status) == (Run.Status.FAILED, "succeeded")


def test_retry_of_a_redo_notes_that_rewriting_cannot_be_verified(ask, launch, drive, fault, scan, pipeline):
    ask("INSERT INTO daily.visits SELECT day, i FROM raw.days, range(8) r(i) WHERE day <= '2024-01-03'")
    ask(
        "INSERT INTO daily.sales SELECT day, i, '2024-02-01' FROM raw.days, range(8) r(i) WHERE day <= '2024-01-03'"
    )
    visits = {"tables": ["daily.visits"], "start": day("01-01"), "end": day("01-03")}
    fault("daily.visits", "01-01", "abort")
    drive(launch(reprocess="all", **visits))
    fault.mend()
    for date in ("01-01", "01-02", "01-03"):
        fault("daily.visits", date, "silent")

    run = drive(launch(**visits))

    assert run.reprocess == Run.Reprocess.FAILED
    assert "whether they were written again cannot be told" in " ".join(discrepancies.notes(run, verified=3))


def test_redo_of_dates_without_rows_notes_that_no_change_can_be_verified(empty_allowed, launch, drive, fault):
    for date in ("01-01", "01-02", "01-03"):
        fault("daily.visits", date, "silent")

    run = drive(launch(reprocess="all", tables=["daily.visits"], start=day("01-01"), end=day("01-03")))

    assert discrepancies.notes(run, verified=3) == [
        "3 of visits verified without rows, as before; whether the job did anything cannot be told"
    ]
    assert redos.rework_of(run).says == "no change: 3 partitions as before"
