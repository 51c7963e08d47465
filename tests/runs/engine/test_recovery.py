"""What survives when something dies: workers, jobs, the warehouse, and workers that only seemed dead."""

import datetime as dt
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from django.conf import settings as django_settings
from django.db import connection, transaction
from django.utils import timezone

from apps import timing
from apps.coverage.scanning import warehouses
from apps.pipeline import definition
from apps.runs import control
from apps.runs.calls.jobs import Outcome
from apps.runs.engine import claims, decisions, lease_heartbeat, pausing, recovery, runner
from apps.runs.engine.lane_context import LaneContext
from apps.runs.models import Attempt, Lane, Run, leases
from apps.warehouse.base import Unreachable
from tests.conftest import day
from tests.runs.conftest import shown, step, wait_until
from tests.runs.test_control import under_way

pytestmark = [pytest.mark.postgresql, pytest.mark.real_process]

WEEK = {"tables": ["daily.sales"], "start": day("01-01"), "end": day("01-06")}
TWO_DAYS = {"tables": ["daily.sales"], "start": day("01-01"), "end": day("01-02")}
ROOT = Path(__file__).parents[3]

WORKER = """
import django
from django.conf import settings
settings.DATABASES["default"]["NAME"] = {database!r}
django.setup()
from pathlib import Path
settings.LOG_DIR = Path({logs!r})
settings.PIPELINE = Path({pipeline!r})
from apps.pipeline import definition
from apps.runs.engine import runner
from apps.runs.models import leases
{before}
runner.perform({run}, definition.current(), lease=leases.take({run}))
"""


@contextmanager
def worker(run: Run, settings, *, before: str = "") -> Iterator[psutil.Popen]:
    """A real worker process that performs the run, in the same database; `before` is what it does first."""
    program = WORKER.format(
        run=run.pk,
        database=str(connection.settings_dict["NAME"]),
        logs=str(settings.LOG_DIR),
        pipeline=str(settings.PIPELINE),
        before=before,
    )
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "TEST_VAR_DIR": str(settings.VAR_DIR),
    }
    process = psutil.Popen(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def is_alive(pid: int) -> bool:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def let_the_lease_run_out(run: Run) -> None:
    Lane.objects.filter(run=run).update(lease_until=timezone.now() - dt.timedelta(seconds=1))


# Workers that die ---------------------------------------------------------------------------------


def test_killed_worker_loses_no_date_and_repeats_none(launch, drive, fault, ask, settings):
    fault("daily.sales", "01-03", "sleep 60")
    run = launch(**WEEK)
    with worker(run, settings) as process:
        wait_until(lambda: under_way(run) and ask("SELECT count(DISTINCT day) FROM daily.sales") == [(2,)])
        orphan = under_way(run).pid
        process.send_signal(signal.SIGKILL)
        process.wait()
    wait_until(lambda: not is_alive(orphan))  # the kernel ends a job with its worker
    fault.mend()

    drive(run)

    assert run.status == Run.Status.SUCCEEDED
    assert run.attempts.get(number=1).status == Attempt.Status.LOST
    assert "A worker died during attempt 1; its dates are pending again" in run.events.values_list(
        "text", flat=True
    )
    # Two dates were filled before the end: the rest is what is expected less what is there.
    later = run.attempts.filter(number__gt=1).order_by("number")
    assert [date for attempt in later for date in attempt.dates] == [
        f"2024-01-0{number}" for number in range(3, 7)
    ]
    assert {s.attempts for s in run.steps.filter(date__gte=day("01-03"))} == {1}


def test_a_step_that_kills_its_workers_is_given_up(launch, pipeline, warehouse):
    run = launch(**TWO_DAYS)
    for number in range(1, 4):
        lease = leases.take(run.pk)
        attempt = run.attempts.create(number=number, table="daily.sales", dates=["2024-01-01"], lease=lease)
        run.steps.filter(date=day("01-01")).update(status="running", attempt=attempt, attempts=1)
        let_the_lease_run_out(run)
        recovery.recover(run, leases.take(run.pk), warehouse)
        let_the_lease_run_out(run)

    dead = step(run, "01-01")
    assert (dead.status, dead.message) == ("failed", "its worker died 3 times while performing it")
    assert (step(run, "01-02").status, shown("01-01")) == ("pending", "failed")


# Workers that only seemed dead ----------------------------------------------------------------------


@pytest.fixture
def frozen(launch, pipeline, fault):
    """A worker whose call has ended, and whose run somebody else took meanwhile."""
    run = launch(**TWO_DAYS)
    heartbeat = lease_heartbeat.LeaseHeartbeat(
        run.pk, leases.take(run.pk)
    )  # its thread is not started: it is frozen
    sleeper = runner.Runner(LaneContext(run, pipeline, heartbeat), warehouses.open_warehouse(pipeline))

    def steal() -> str:
        let_the_lease_run_out(run)
        lease = leases.take(run.pk)
        recovery.recover(run, lease, sleeper.warehouse)
        return lease

    return run, sleeper, steal


def state_of(run: Run) -> list:
    return [
        *Run.objects.filter(pk=run.pk).values_list("status", "message"),
        *run.held_lanes.values_list("lease"),
        *run.steps.values_list("status", "attempts", "rows_after"),
        *run.attempts.values_list("number", "status"),
        *run.events.values_list("text"),
        shown("01-01"),
    ]


def test_a_worker_that_wakes_after_its_call_writes_nothing(frozen, monkeypatch):
    run, sleeper, steal = frozen
    really = sleeper.look_after
    stolen = []

    def look_after(*args):
        stolen.append(steal())
        return really(*args)

    monkeypatch.setattr(sleeper, "look_after", look_after)

    with pytest.raises(leases.LeaseLost):
        sleeper.advance()

    assert {(s.status, s.attempts, s.rows_after) for s in run.steps.all()} == {("pending", 0, None)}
    assert (run.held_lanes.get().lease, shown("01-01")) == (stolen[0], "queued")


@pytest.mark.parametrize("name", ["daily.sales", "weekly.trend"])
def test_worker_that_lost_its_lease_with_claimed_steps_fills_nothing(frozen, pipeline, ask, name):
    run, sleeper, steal = frozen
    table = pipeline.table(name)
    attempt = claims.new_attempt(sleeper.lane, table, [day("01-01")])
    steal()

    with pytest.raises(leases.LeaseLost):
        sleeper.call(table, table.job, list(run.steps.all()), attempt)

    assert ask(f"SELECT count(*) FROM {name}") == [(0,)]


@pytest.mark.parametrize(
    ("request_", "steps"),
    [
        pytest.param("", "pending", id="before its call"),
        pytest.param("pause", "pending", id="before its call, asked to pause"),
        pytest.param("cancel", "pending", id="before its call, asked to cancel"),
        pytest.param("", "succeeded", id="at the end of the run"),
    ],
)
def test_a_worker_that_wakes_writes_nothing(frozen, request_, steps):
    run, sleeper, steal = frozen
    run.steps.update(status=steps)
    Run.objects.filter(pk=run.pk).update(status="running", request=request_)
    steal()
    before = state_of(run)

    with pytest.raises(leases.LeaseLost):
        sleeper.advance()

    assert state_of(run) == before


def test_an_attempt_that_was_marked_as_lost_cannot_be_decided(frozen, pipeline):
    run, sleeper, steal = frozen
    attempt = claims.new_attempt(sleeper.lane, pipeline.table("daily.sales"), [day("01-01")])
    steal()

    with pytest.raises(leases.LeaseLost):
        decisions.close(attempt, Outcome(exit_status=0))

    assert run.attempts.get().status == "lost"


def test_worker_that_lost_its_lease_does_not_pause_the_run(frozen):
    run, sleeper, steal = frozen
    Run.objects.filter(pk=run.pk).update(status="running")
    steal()
    before = state_of(run)

    with pytest.raises(leases.LeaseLost):
        pausing.pause(sleeper.lane, Run.PauseReason.FAILURES, "too many failures")

    assert state_of(run) == before


def test_cancel_takes_precedence_over_a_pause(launch, pipeline):
    run = launch(**TWO_DAYS)
    Run.objects.filter(pk=run.pk).update(status="running")
    lease = leases.take(run.pk)
    control.cancel(Run.objects.get(pk=run.pk), by="olga")

    lane = LaneContext(run, pipeline, lease_heartbeat.LeaseHeartbeat(run.pk, lease))
    pausing.pause(lane, Run.PauseReason.GATE, "Phase 3 starts by hand")

    assert run.status == Run.Status.CANCELLED


# The data decides -----------------------------------------------------------------------------------


def short_timeout(pipeline, monkeypatch, seconds: float = 1.5) -> None:
    monkeypatch.setitem(pipeline.table("daily.sales").job.__dict__, "timeout", seconds)


def test_dates_that_a_call_filled_before_it_timed_out_are_verified(
    launch, drive, fault, pipeline, monkeypatch
):
    short_timeout(pipeline, monkeypatch)
    fault("daily.sales", "01-03", "sleep 60")

    run = drive(launch(tables=["daily.sales"], start=day("01-01"), end=day("01-03")))

    assert (step(run, "01-01").status, step(run, "01-02").status) == ("succeeded", "succeeded")
    assert step(run, "01-03").message.startswith("timed out: the call took longer than")
    # What the first call did not get to was asked of a smaller one.
    assert [attempt.dates[-1:] for attempt in run.attempts.all()] == [["2024-01-03"], ["2024-01-03"]]
    assert {attempt.status for attempt in run.attempts.all()} == {Attempt.Status.TIMED_OUT}


def test_complete_date_left_untouched_by_a_timeout_is_a_failed_redo(
    launch, drive, fault, ask, pipeline, monkeypatch
):
    short_timeout(pipeline, monkeypatch)
    fault("daily.sales", "01-02", "sleep 60")
    for date in ("01-01", "01-02"):
        ask("INSERT INTO daily.sales SELECT ?, i, NULL FROM range(8) rows(i)", day(date))

    run = drive(launch(reprocess="all", **TWO_DAYS))

    assert step(run, "01-01").status == "succeeded"  # written anew, by its time of writing
    assert (step(run, "01-02").status, step(run, "01-02").state_after) == ("failed", "complete")
    assert shown("01-02") == "redo_failed"


def test_date_filled_outside_the_run_succeeds_without_an_attempt(launch, drive, ask):
    run = launch(**WEEK)
    ask("INSERT INTO daily.sales SELECT ?, i, NULL FROM range(8) rows(i)", day("01-02"))

    drive(run)

    assert (step(run, "01-02").status, step(run, "01-02").attempt, step(run, "01-02").rows_after) == (
        "succeeded",
        None,
        8,
    )
    assert run.attempts.get(number=1).dates == ["2024-01-01"]
    assert run.status == Run.Status.SUCCEEDED


def test_a_range_never_covers_a_date_that_was_skipped(launch, drive, ask, pipeline):
    for date in range(1, 8):
        if date != 7:
            ask("INSERT INTO daily.sales SELECT ?, i, NULL FROM range(8) rows(i)", day(f"01-0{date}"))
            if date != 5:
                ask("INSERT INTO daily.visits SELECT ?, i FROM range(8) rows(i)", day(f"01-0{date}"))

    run = drive(launch(tables=["weekly.trend"], start=day("01-04"), end=day("01-06"), through_gaps=True))

    assert step(run, "01-05", "weekly.trend").status == "skipped"
    assert [attempt.dates for attempt in run.attempts.order_by("number")] == [["2024-01-04"], ["2024-01-06"]]
    assert ask("SELECT count(*) FROM weekly.trend WHERE day = DATE '2024-01-05'") == [(0,)]


def test_a_range_never_spans_two_seasons(launch, drive):
    run = drive(launch(tables=["daily.sales"], start=day("01-20"), end=day("03-01")))

    assert [attempt.dates for attempt in run.attempts.order_by("number")] == [["2024-01-20"], ["2024-03-01"]]


# A warehouse that goes away -------------------------------------------------------------------------


@pytest.fixture
def perform(pipeline, monkeypatch):
    """Performs a run like a worker's task, without patience for a warehouse that is away."""
    monkeypatch.setattr(timing, "WAREHOUSE_RETRY_FOR", 0)

    def run_(run: Run, warehouse=None) -> Run:
        Lane.objects.filter(run=run).update(lease_until=None)
        runner.perform(run.pk, definition.current(), lease=leases.take(run.pk), warehouse=warehouse)
        run.refresh_from_db()
        return run

    return run_


class AwayAfterTheCall:
    """A warehouse that answers as the run starts and before the call, and not after it."""

    def __init__(self, real, *, answers: int = 2):
        self.real = real
        self.asked = 0
        self.answers = answers

    def count(self, *args, **kwargs):
        self.asked += 1
        if self.asked > self.answers:
            raise Unreachable("the line is dead")
        return self.real.count(*args, **kwargs)


def test_warehouse_outage_after_an_attempt_loses_nothing(launch, perform, warehouse):
    run = perform(launch(**TWO_DAYS), AwayAfterTheCall(warehouse))

    assert (run.status, run.pause_reason) == (Run.Status.PAUSED, Run.PauseReason.WAREHOUSE)
    assert run.message == "The warehouse did not answer: the line is dead"
    assert {(s.status, s.attempts) for s in run.steps.all()} == {("pending", 0)}
    attempt = run.attempts.get()
    assert (attempt.status, attempt.exit_status) == (Attempt.Status.ENDED, 0)
    assert "could not be asked what it did" in attempt.message


def test_dates_filled_before_an_outage_are_not_filled_again(launch, perform, warehouse):
    run = perform(launch(**TWO_DAYS), AwayAfterTheCall(warehouse))

    control.resume(run, by="olga")
    perform(run)

    assert (run.status, run.attempts.count()) == (Run.Status.SUCCEEDED, 1)
    assert shown("01-01") == "complete"


def test_warehouse_outage_does_not_count_as_a_dead_worker(launch, perform, warehouse):
    run = launch(reprocess="all", **TWO_DAYS)
    for _ in range(
        4
    ):  # each time its sources, or what a launch was checked for, and the dates before the call
        run = perform(run, AwayAfterTheCall(warehouse))
        control.resume(run, by="olga")

    assert run.attempts.count() == 4
    assert not run.events.filter(kind__in=("lost", "failed steps")).exists()


def test_run_can_be_cancelled_while_the_warehouse_is_unreachable(launch, perform, shop):
    run = launch(**TWO_DAYS)
    Run.objects.filter(pk=run.pk).update(status="running")
    shop.rename(shop.with_suffix(".gone"))
    control.cancel(Run.objects.get(pk=run.pk), by="olga")

    assert perform(run).status == Run.Status.CANCELLED


FREEZES_BEFORE_ITS_CALL = """
import os, signal
call = runner.Runner.call
def frozen(*words):
    os.kill(os.getpid(), signal.SIGSTOP)
    return call(*words)
runner.Runner.call = frozen
"""


def test_a_frozen_worker_that_wakes_starts_no_second_job_while_the_database_is_busy(launch, drive, settings):
    run = launch(**TWO_DAYS)
    with worker(run, settings, before=FREEZES_BEFORE_ITS_CALL) as frozen:
        wait_until(lambda: run.attempts.exists() and frozen.status() == psutil.STATUS_STOPPED)
        let_the_lease_run_out(run)
        drive(run)
        with transaction.atomic():
            Run.objects.select_for_update().get(pk=run.pk)
            Run.objects.filter(pk=run.pk).update(note="the database is busy")
            frozen.send_signal(signal.SIGCONT)
            wait_until(lambda: any(is_held_back(child) for child in frozen.children()))
        frozen.wait()

    lost = run.attempts.get(number=1)
    assert (run.status, lost.status, lost.pid) == (Run.Status.SUCCEEDED, Attempt.Status.LOST, None)
    assert lost.log_path.read_text() == ""  # its job never said a word


def is_held_back(process: psutil.Process) -> bool:
    """Whether a process waits for the word to become its job."""
    with suppress(psutil.Error):
        return process.name() == "sh" and "read -r go" in " ".join(process.cmdline())
    return False


# Another life of the database -----------------------------------------------------------------------


def test_log_written_before_a_database_restore_is_never_read(launch, drive):
    run = launch(**TWO_DAYS)
    folder = Path(django_settings.LOG_DIR) / f"run-{run.pk}"
    folder.mkdir(parents=True)
    (folder / "attempt-1.log").write_text("Processing 2024-01-01\nERROR of a run before the restore\n")

    drive(run)

    attempt = run.attempts.get()
    assert (run.status, attempt.log_path.exists()) == (Run.Status.SUCCEEDED, True)
    assert "before the restore" not in attempt.log_path.read_text()


def test_attempts_with_the_same_number_after_a_restore_have_separate_logs(launch, drive):
    run = launch(**TWO_DAYS)
    drive(run)
    first = run.attempts.get().log_path
    run.attempts.all().delete()
    run.steps.update(status="pending", attempt=None, attempts=0)
    Run.objects.filter(pk=run.pk).update(status=Run.Status.QUEUED, reprocess=Run.Reprocess.ALL)

    drive(run)

    again = run.attempts.get()
    assert again.number == 1
    assert again.log_path != first and first.exists() and again.log_path.exists()
