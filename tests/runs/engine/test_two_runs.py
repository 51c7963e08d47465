"""Two runs at once, of which one reads what the other is about to write."""

import datetime as dt

import pytest
from django.utils import timezone

from apps.runs import control, tasks
from apps.runs.models import Run
from apps.runs.plans import planning, selections
from tests.conftest import day

pytestmark = pytest.mark.postgresql

INPUTS = {
    "tables": ["daily.sales"],
    "start": day("01-04"),
    "end": day("01-06"),
    "reprocess": Run.Reprocess.ALL,
}
READERS = {"tables": ["weekly.trend"], "start": day("01-04"), "end": day("01-06")}


@pytest.fixture
def redo(inputs, launch) -> Run:
    """A run that is to write sales again, and has not begun."""
    return launch(**INPUTS)


def test_plan_names_the_run_it_waits_for(redo, plan):
    found = plan(**READERS)

    assert (len(found.steps), found.waits_for) == (3, {redo.pk: 3})


def test_a_reader_waits_for_the_redo_of_another_run(redo, launch, drive):
    reader = drive(launch(**READERS))

    assert (reader.status, reader.pause_reason) == (Run.Status.PAUSED, Run.PauseReason.RUN)
    assert reader.message.startswith(f"What is left reads dates that Run {redo.pk} is about to write")
    assert reader.attempts.count() == 0


def test_waiting_run_stays_paused_while_the_upstream_run_is_unfinished(redo, launch, drive):
    reader = drive(launch(**READERS))
    Run.objects.filter(pk=reader.pk).update(again_at=timezone.now() + dt.timedelta(minutes=5))

    tasks.revive()

    reader.refresh_from_db()
    assert reader.pause_reason == Run.PauseReason.RUN


def test_waiting_run_reports_that_the_upstream_run_is_paused(redo, launch, drive):
    control.pause(redo, by="olga")

    reader = drive(launch(**READERS))

    assert reader.message.endswith(f"Run {redo.pk} is paused: resume or cancel it")


def test_an_override_does_not_wait_for_another_run(redo, launch, drive):
    reader = launch(**READERS)
    reader.override_gates(by="olga", reason="the old rows will do")

    drive(reader)

    assert reader.status == Run.Status.SUCCEEDED
    assert reader.steps.filter(is_overridden=True).count() == 3


def test_a_gap_that_another_run_is_to_fill_is_no_cause_of_skips(shop, launch, pipeline):
    other = launch(tables=["daily.sales", "daily.visits"], start=day("01-01"), end=day("01-06"))

    found = planning.plan(pipeline, selections.select(pipeline, **READERS))

    assert (found.blocked.steps, list(found.waits_for)) == (0, [other.pk])


# At once --------------------------------------------------------------------------------------------


@pytest.fixture
def reader(redo, launch, drive) -> Run:
    """A run that waits for the redo."""
    return drive(launch(**READERS))


def now(run: Run) -> Run:
    run.refresh_from_db()
    return run


def test_waiting_run_is_requeued_immediately_when_the_upstream_run_ends(redo, reader, drive):
    drive(redo)

    assert now(reader).status == Run.Status.QUEUED
    assert drive(reader).status == Run.Status.SUCCEEDED
    assert reader.attempts.get().started_at >= redo.finished_at


def test_waiting_run_is_requeued_immediately_on_cancel_of_the_upstream_run(redo, reader):
    control.cancel(redo, by="olga")

    assert now(reader).status == Run.Status.QUEUED


def test_waiting_run_reports_immediately_that_the_upstream_run_was_paused(redo, reader):
    control.pause(redo, by="olga")

    assert now(reader).pause_reason == Run.PauseReason.RUN
    assert reader.message.endswith(f"Run {redo.pk} is paused: resume or cancel it")


def test_run_paused_by_an_operator_is_not_requeued(redo, launch, drive):
    paused = launch(**READERS)
    control.pause(paused, by="olga")

    drive(redo)

    assert now(paused).status == Run.Status.PAUSED
