"""Several workers on one run."""

import datetime as dt
import itertools
from collections.abc import Callable
from contextlib import nullcontext

import pytest
from django.utils import timezone
from django_q.models import OrmQ

from apps.coverage.scanning import warehouses
from apps.runs import control, tasks
from apps.runs.engine import picking, recovery, regressions, runner
from apps.runs.engine.claims import claim
from apps.runs.engine.lane_context import LaneContext
from apps.runs.engine.lease_heartbeat import LeaseHeartbeat
from apps.runs.models import Attempt, Lane, Run, leases
from apps.warehouse.base import Reading, Unreachable
from tests.conftest import day
from tests.runs.conftest import may_write

pytestmark = pytest.mark.postgresql

TWO_TABLES = {"tables": ["daily.sales", "daily.visits"], "start": day("01-01"), "end": day("01-06")}


@pytest.fixture(autouse=True)
def independent(pipeline, monkeypatch) -> None:
    """Visits are not compared with sales here, so that two lanes may fill both of a date."""
    visits = pipeline.table("daily.visits")
    monkeypatch.setitem(visits.__dict__, "rows", visits.rows.model_copy(update={"like": None}))


@pytest.fixture
def run(launch) -> Run:
    run = launch(**TWO_TABLES)
    Run.objects.filter(pk=run.pk).update(lanes=2)
    return Run.objects.get(pk=run.pk)


@pytest.fixture
def worker(pipeline):
    """A worker on a lane of the run; its keeper's thread is not started, so that it does only what a test says."""

    def take(run: Run, wake=runner.no_wake) -> runner.Runner:
        own = Run.objects.get(pk=run.pk)
        heartbeat = LeaseHeartbeat(run.pk, leases.take(run.pk))
        return runner.Runner(LaneContext(own, pipeline, heartbeat), warehouses.open_warehouse(pipeline), wake)

    return take


def run_out(worker: runner.Runner) -> None:
    """It gave no sign of life for longer than a lease."""
    long_ago = timezone.now() - dt.timedelta(minutes=1)
    Lane.objects.filter(lease=worker.heartbeat.lease).update(lease_until=long_ago)


def test_a_run_is_held_by_as_many_workers_as_it_has_lanes(run):
    assert leases.take(run.pk) and leases.take(run.pk)
    assert leases.take(run.pk) is None


def test_two_lanes_take_two_tables(run, worker):
    one, other = worker(run), worker(run)

    assert claim(one.lane)[0].table.name == "daily.sales"
    assert claim(other.lane)[0].table.name == "daily.visits"


def test_one_table_is_called_by_one_lane_unless_the_pipeline_file_allows_more(launch, worker):
    run = launch(tables=["daily.sales"])
    Run.objects.filter(pk=run.pk).update(lanes=2)
    one, other = worker(run), worker(run)
    one.begin()
    claim(one.lane)

    assert not other.advance()
    assert run.attempts.count() == 1


def test_two_lanes_on_one_table_take_different_dates(launch, worker, pipeline, monkeypatch):
    monkeypatch.setitem(pipeline.table("daily.sales").__dict__, "parallel", 2)
    run = launch(tables=["daily.sales"])
    Run.objects.filter(pk=run.pk).update(lanes=2)

    one, other = claim(worker(run).lane)[1], claim(worker(run).lane)[1]

    assert one.table == other.table == "daily.sales"
    assert not set(one.dates) & set(other.dates)


@pytest.fixture
def side_by_side(launch, worker, pipeline, monkeypatch) -> tuple[Run, runner.Runner, Callable[[int], None]]:
    """A run on a warehouse of many writers, one of its two lanes on one table, and `during(n)`: the other lane has
    claimed four dates, and fills them while the n-th answer of the warehouse to the first is on its way.
    """
    monkeypatch.setattr(runner.Runner, "turn", lambda *_: nullcontext())
    monkeypatch.setitem(pipeline.table("daily.sales").__dict__, "parallel", 2)
    run = launch(tables=["daily.sales"])
    Run.objects.filter(pk=run.pk).update(lanes=2)
    one, other = worker(run), worker(run)
    one.begin()
    taken = claim(other.lane)
    count, looks = one.warehouse.count, itertools.count(1)

    def during(number: int) -> None:
        def counted(*words, **named) -> Reading:
            reading = count(*words, **named)
            if next(looks) == number:
                assert other.attempt(*taken)
            return reading

        monkeypatch.setattr(one.warehouse, "count", counted)

    return run, one, during


def test_rows_of_another_lane_are_no_loss(side_by_side):
    run, one, during = side_by_side
    during(1)

    one.advance()

    assert [len(attempt.dates) for attempt in run.attempts.all()] == [4, 4]
    assert run.steps.filter(status="succeeded").count() == 8


def test_rows_of_another_lane_are_no_side_effect(side_by_side):
    run, one, during = side_by_side
    during(2)
    one.advance()

    one.advance()

    assert run.steps.filter(status="succeeded").count() == 12
    assert not run.events.filter(kind=regressions.SIDE_EFFECT).exists()


@pytest.mark.parametrize("is_overridden", [False, True], ids=["as planned", "under an override"])
def test_a_step_waits_for_an_input_that_another_lane_is_filling(launch, worker, is_overridden):
    run = launch(start=day("01-04"), end=day("01-04"))
    Run.objects.filter(pk=run.pk).update(lanes=3, released_phases=["3"])
    if is_overridden:
        run.override_gates(by="olga", reason="the source has no such date")

    workers = [worker(run) for _ in range(3)]
    taken = [claim(each.lane) for each in workers]

    assert [each[0].table.name for each in taken[:2]] == ["daily.sales", "daily.visits"]
    assert taken[2] is picking.NoWork.WAIT


def test_a_worker_with_more_work_than_it_can_do_wakes_another(run, worker):
    woken = []

    worker(run, lambda: woken.append(1)).advance()

    assert woken == [1]


def test_no_worker_is_woken_if_no_other_lane_may_take_a_step(launch, worker):
    run = launch(tables=["daily.sales"])
    Run.objects.filter(pk=run.pk).update(lanes=2)
    woken = []

    worker(run, lambda: woken.append(1)).advance()

    assert woken == []


def test_the_last_lane_ends_the_run(run, worker):
    one, other = worker(run), worker(run)
    while one.advance():
        other.advance()

    run.refresh_from_db()
    assert (run.status, run.attempts.values("lease").distinct().count()) == (Run.Status.SUCCEEDED, 2)


def test_a_run_pauses_when_the_last_call_under_way_has_ended(run, worker):
    one, other = worker(run), worker(run)
    one.begin()
    take, attempt = claim(one.lane)
    control.pause(Run.objects.get(pk=run.pk), by="olga")

    assert not other.advance()
    assert Run.objects.get(pk=run.pk).status == Run.Status.RUNNING

    one.attempt(take, attempt)
    assert not one.advance()
    assert Run.objects.get(pk=run.pk).status == Run.Status.PAUSED


def test_a_lane_that_died_loses_its_call_to_another(run, worker):
    dead, alive = worker(run), worker(run)
    _, lost = claim(dead.lane)
    run_out(dead)

    recovery.recover(run, alive.heartbeat.lease, alive.warehouse)

    assert Attempt.objects.get(pk=lost.pk).status == Attempt.Status.LOST
    assert {step.attempts for step in run.steps.all()} == {0}


def test_lane_that_wakes_after_its_attempt_was_recovered_writes_nothing(run, worker):
    frozen, alive = worker(run), worker(run)
    take, attempt = claim(frozen.lane)
    run_out(frozen)
    recovery.recover(run, alive.heartbeat.lease, alive.warehouse)

    with pytest.raises(leases.LeaseLost):
        frozen.attempt(take, attempt)
    assert run.steps.pending().count() == run.steps.count()


def test_a_lane_that_wakes_while_its_job_is_being_ended_decides_nothing(run, worker, monkeypatch):
    frozen, alive = worker(run), worker(run)
    claim(frozen.lane)
    run_out(frozen)
    woken = []
    wake = lambda *process, **log: woken.append(leases.renew(run.pk, frozen.heartbeat.lease))  # noqa: E731
    monkeypatch.setattr(recovery.processes, "end_orphan", wake)

    recovery.recover(run, alive.heartbeat.lease, alive.warehouse)

    assert woken == [False]


def test_lane_that_renews_its_lease_before_recovery_is_not_fenced(run, worker):
    sleeper = worker(run)
    run_out(sleeper)
    leases.renew(run.pk, sleeper.heartbeat.lease)

    assert not recovery.revoke_lease(run, sleeper.heartbeat.lease)
    assert may_write(run, sleeper.heartbeat.lease)


def test_lease_too_far_in_the_future_counts_as_expired(run):
    leases.take(run.pk)
    run.held_lanes.filter(number=0).update(lease_until=timezone.now() + dt.timedelta(hours=1))

    assert len(leases.expired(timezone.now())) == 1
    assert leases.take(run.pk)


# How many lanes -----------------------------------------------------------------------------------


def test_lanes_can_be_added_while_a_run_is_performed(launch, worker):
    run = launch(**TWO_TABLES)
    leases.take(run.pk)

    control.set_concurrency(run, 2, by="olga")

    assert OrmQ.objects.filter(key="runs").count() == 1
    assert run.events.get(kind="lanes").text == "Now with 2 lanes"


def test_a_lane_too_many_is_given_back_after_its_call(run, worker):
    worker(run)
    second = worker(run)
    control.set_concurrency(run, 1, by="olga")

    assert not second.advance()
    assert run.held_lanes.held(timezone.now()).count() == 1


def test_a_silent_lane_is_revived_while_another_is_at_work(run):
    leases.take(run.pk)
    dead = leases.take(run.pk)
    Lane.objects.filter(lease=dead).update(lease_until=timezone.now() - dt.timedelta(minutes=1))

    tasks.revive()

    assert OrmQ.objects.filter(key="runs").count() == 1


def test_dates_of_a_script_with_unknown_outcome_are_not_claimed_by_another_lane(run, worker, monkeypatch):
    one, other = worker(run), worker(run)
    one.begin()
    taken = claim(one.lane)
    monkeypatch.setattr(one, "call", lambda *_: raise_(Unreachable("no answer")))

    with pytest.raises(Unreachable):
        one.attempt(*taken)

    assert run.steps.pending().count() == run.steps.count()
    assert claim(other.lane) is picking.NoWork.PAUSE_REQUESTED


def raise_(error: Exception) -> None:
    raise error
