"""Inputs of which nobody knows anything: the run reads them, or waits for the warehouse; it skips nothing."""

import pytest
from django.utils import timezone

from apps import timing
from apps.coverage.models import Partition
from apps.runs import tasks
from apps.runs.engine import runner
from apps.runs.models import Run
from tests.conftest import Ask, day

TREND = {"tables": ["weekly.trend"], "start": day("01-04"), "end": day("01-06")}


def forget(*tables: str) -> None:
    Partition.objects.filter(table__in=tables).update(state="unknown", rows=None)


def outcome(run: Run) -> dict[str, int]:
    run.refresh_from_db()
    statuses = list(run.steps.values_list("status", flat=True))
    return {status: statuses.count(status) for status in set(statuses)}


def test_unknown_inputs_are_read_and_the_run_continues(inputs, launch, drive):
    run = launch(**TREND)
    forget("daily.sales", "daily.visits")

    drive(run)

    assert (run.status, outcome(run)) == (Run.Status.SUCCEEDED, {"succeeded": 3})
    assert set(
        Partition.objects.filter(table="daily.sales", date__lte=day("01-06")).values_list("state")
    ) == {("complete",)}


def test_a_reading_that_finds_an_input_incomplete_skips_with_what_it_found(inputs, launch, drive, ask: Ask):
    run = launch(**TREND)
    ask("DELETE FROM daily.sales WHERE day = DATE '2024-01-05'")
    forget("daily.sales", "daily.visits")

    drive(run)

    assert dict(run.steps.values_list("date", "message")) == {
        day("01-04"): "",
        day("01-05"): "sales is missing on 2024-01-05",
        day("01-06"): "sales is missing on 2024-01-05",
    }


def test_inputs_are_read_in_one_query_however_many_they_are(inputs, launch, drive, monkeypatch):
    asked = []
    look = runner.Runner.look
    monkeypatch.setattr(runner.Runner, "look", lambda self, *given: asked.append(given) or look(self, *given))
    run = launch(**TREND)
    forget("daily.sales", "daily.visits")

    drive(run)

    (wanted,) = [wanted for table, wanted in asked if table is None]
    assert {name: len(dates) for name, dates in wanted.items()} == {"daily.sales": 6, "daily.visits": 3}


def test_an_outage_skips_nothing_and_the_run_ends_verified_after_it(
    inputs, launch, drain, shop, monkeypatch, scan
):
    monkeypatch.setattr(timing, "WAREHOUSE_RETRY_FOR", 0)
    run = launch(**TREND)
    gone = shop.with_suffix(".gone")
    shop.rename(gone)
    scan()
    forget("daily.sales", "daily.visits")

    tasks.revive()
    drain()

    run.refresh_from_db()
    assert (run.status, run.pause_reason) == (Run.Status.PAUSED, Run.PauseReason.WAREHOUSE)
    assert outcome(run) == {"pending": 3}
    gone.rename(shop)
    Run.objects.update(again_at=timezone.now())
    tasks.revive()
    drain()
    assert outcome(run) == {"succeeded": 3}


@pytest.fixture
def unreadable(inputs, launch, ask: Ask) -> Run:
    """A run of sales and trend; visits, which trend reads, lost the column that names their date."""
    tables = ["daily.sales", "weekly.trend"]
    run = launch(tables=tables, start=day("01-04"), end=day("01-08"), through_gaps=True)
    Run.objects.filter(pk=run.pk).update(released_phases=["3"])
    run.refresh_from_db()
    forget("daily.visits")
    ask("ALTER TABLE daily.visits RENAME COLUMN day TO lost")
    return run


def test_an_input_that_cannot_be_read_makes_only_its_readers_wait(unreadable, drive, ask: Ask):
    drive(unreadable)

    assert (unreadable.status, unreadable.pause_reason) == (Run.Status.PAUSED, Run.PauseReason.WAREHOUSE)
    assert unreadable.message.startswith(
        "visits could not be read on 2024-01-04 and 3 more, and what is left reads it"
    )
    assert not unreadable.steps.filter(table="daily.sales").exclude(status="succeeded").exists()
    assert set(unreadable.steps.filter(table="weekly.trend").values_list("status", flat=True)) == {"pending"}


def test_run_continues_once_the_input_is_readable_again(unreadable, drive, ask: Ask):
    drive(unreadable)
    ask("ALTER TABLE daily.visits RENAME COLUMN lost TO day")
    Run.objects.filter(pk=unreadable.pk).update(status=Run.Status.QUEUED)

    drive(unreadable)

    assert "pending" not in outcome(unreadable)
    assert set(unreadable.steps.filter(status="skipped").values_list("message", flat=True)) == {
        "visits is missing on 2024-01-08"
    }


def test_an_override_does_not_wait_for_an_input_that_cannot_be_read(unreadable, drive):
    Run.objects.filter(pk=unreadable.pk).update(override_reason="visits do not matter here")

    drive(unreadable)

    assert outcome(unreadable).keys() == {"succeeded"}
    assert unreadable.steps.filter(table="weekly.trend", is_overridden=False).count() == 0
