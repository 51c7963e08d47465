"""A run in the queue."""

import datetime as dt

import pytest
from django.utils import timezone
from django_q.models import OrmQ

from apps import timing
from apps.coverage.models import Scan
from apps.pipeline import definition
from apps.runs import control, tasks
from apps.runs.models import Lane, Run, leases
from tests.conftest import day

pytestmark = pytest.mark.postgresql

WEEK = {"tables": ["daily.sales"], "start": day("01-01"), "end": day("01-06")}


@pytest.fixture
def queued(plan, pipeline) -> Run:
    return control.launch(plan(**WEEK), pipeline, by="olga")


def in_queue() -> int:
    return OrmQ.objects.filter(key="runs").count()


def silent_for_a_minute(run: Run) -> None:
    Lane.objects.filter(run=run).update(lease_until=timezone.now() - dt.timedelta(minutes=1))


def status(run: Run) -> str:
    return Run.objects.get(pk=run.pk).status


def test_a_task_performs_a_run_to_its_end(queued, drain):
    assert drain() == 1
    assert status(queued) == Run.Status.SUCCEEDED


def test_a_long_run_goes_through_the_queue_in_slices(queued, drain, monkeypatch):
    monkeypatch.setattr(timing, "SLICE", 0.0)

    assert drain() > 1
    assert status(queued) == Run.Status.SUCCEEDED
    assert queued.attempts.count() == 2


def test_a_task_that_is_delivered_twice_leaves_at_once(queued, drain):
    row = OrmQ.objects.get(key="runs")
    drain()
    OrmQ.objects.create(key=row.key, payload=row.payload, lock=row.lock)

    assert drain() == 1
    assert queued.attempts.count() == 2


def test_task_of_a_run_leased_by_another_worker_exits_immediately(queued, drain):
    lease = leases.take(queued.pk, ticket=queued.held_lanes.get().lease)

    drain()

    assert queued.attempts.count() == 0
    assert queued.held_lanes.get().lease == lease


def test_a_paused_runs_task_leaves_at_once(queued, drain):
    control.pause(queued, by="olga")

    drain()

    assert (status(queued), queued.attempts.count()) == (Run.Status.PAUSED, 0)


def test_a_run_that_gives_signs_of_life_is_not_revived(queued):
    tasks.revive()

    assert in_queue() == 1


def test_run_without_a_heartbeat_is_revived_and_continues(queued, drain):
    OrmQ.objects.filter(key="runs").delete()
    silent_for_a_minute(queued)

    tasks.revive()

    assert drain() == 1
    assert status(queued) == Run.Status.SUCCEEDED


def test_a_run_that_was_never_queued_is_revived(plan, pipeline, drain):
    run = control.launch(plan(**WEEK), pipeline, by="olga", queued=False)

    tasks.revive()
    drain()

    assert status(run) == Run.Status.SUCCEEDED


def test_a_run_is_revived_once_however_many_look(queued):
    silent_for_a_minute(queued)

    tasks.revive()
    tasks.revive()

    assert in_queue() == 2  # the first task, and one more


def test_a_run_that_waits_long_behind_others_keeps_its_place(queued, drain):
    for _ in range(3):
        silent_for_a_minute(queued)
        tasks.revive()

    drain(most=1)

    assert status(queued) == Run.Status.SUCCEEDED
    assert drain() == 3  # which leave at once
    assert queued.attempts.count() == 2


@pytest.mark.parametrize("ended", ["succeeded", "failed", "cancelled", "paused"])
def test_paused_or_finished_run_is_not_revived(queued, ended):
    OrmQ.objects.filter(key="runs").delete()
    Run.objects.filter(pk=queued.pk).update(status=ended)
    queued.held_lanes.update(lease_until=None)

    tasks.revive()

    assert in_queue() == 0


# A run that is paused because the warehouse was away ------------------------------------------------------


@pytest.fixture
def paused(queued) -> Run:
    OrmQ.objects.filter(key="runs").delete()
    queued._move(Run.Status.PAUSED, "The warehouse did not answer", pause_reason=Run.PauseReason.WAREHOUSE)
    return queued


def test_a_run_stays_paused_while_no_scan_was_answered(paused):
    Scan.objects.create(status="failed", started_at=timezone.now(), finished_at=timezone.now())

    tasks.revive()

    assert status(paused) == Run.Status.PAUSED


def test_run_waiting_for_the_warehouse_resumes_when_a_scan_succeeds(paused, drain, first_scan):
    tasks.revive()
    drain()

    assert status(paused) == Run.Status.SUCCEEDED
    assert "Resumed: the warehouse answers again" in paused.events.values_list("text", flat=True)


def test_broken_pipeline_file_leaves_the_steps_pending(queued, drain, settings, tmp_path):
    settings.PIPELINE = tmp_path / "nowhere.toml"

    with pytest.raises(definition.PipelineError):
        drain()

    assert queued.steps.pending().count() == 6


def test_timeline_reports_once_why_a_worker_could_not_continue(queued, drain, settings, tmp_path):
    there, settings.PIPELINE = settings.PIPELINE, tmp_path / "nowhere.toml"
    for _ in range(2):
        with pytest.raises(definition.PipelineError):
            drain()
        silent_for_a_minute(queued)
        tasks.revive()

    told = list(queued.events.filter(kind=tasks.BROKE_OFF).values_list("text", flat=True))
    assert len(told) == 1
    assert "A worker could not go on" in told[0] and "nowhere.toml" in told[0]

    settings.PIPELINE = there
    drain()
    assert status(queued) == Run.Status.SUCCEEDED
