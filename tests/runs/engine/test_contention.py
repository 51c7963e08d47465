"""On DuckDB one process at a time may have the file: the console is never in the way of its own jobs."""

import datetime as dt
import os
import signal

import pytest
from django.utils import timezone

from apps import timing
from apps.coverage.counts.freshness import silent_tables
from apps.coverage.models import Scan
from apps.coverage.scanning import full_scan
from apps.runs.engine import contention, runner
from apps.runs.models import Run, Step, leases
from apps.warehouse.duckdb import DuckDBWarehouse
from tests.conftest import day
from tests.runs.conftest import meanwhile, step, wait_until
from tests.runs.engine.test_recovery import let_the_lease_run_out, worker
from tests.runs.test_control import under_way

pytestmark = pytest.mark.postgresql

FOUR_DAYS = {"tables": ["daily.sales"], "start": day("01-01"), "end": day("01-04")}
LOCK = (
    'IO Error: Could not set lock on file "/data/shop.duckdb": Conflicting lock is held in '
    "/usr/bin/python3.11 (PID {}) by user olga. See also https://duckdb.org/docs/stable/connect/concurrency"
)


@pytest.fixture
def says(shop):
    """Has the shop's job end with this error at its first date, once, and work as usual from then on."""

    def make(error: str) -> None:
        job = shop.parent / "jobs" / "fill.py"
        (shop.parent / "jobs" / "good.py").write_text(job.read_text())
        job.write_text(
            "import os, sys\n"
            f"if not os.path.exists('once'):\n    open('once', 'w').close()\n"
            f"    print('Processing 2024-01-01', flush=True)\n    sys.exit({'ERROR ' + error!r})\n"
            "os.execv(sys.executable, [sys.executable, 'good.py', *sys.argv[1:]])\n"
        )

    return make


def test_a_lock_of_the_consoles_own_is_no_failure_of_the_job(launch, drive, says):
    says(LOCK.format(os.getpid()))

    run = drive(launch(**FOUR_DAYS))

    assert (run.status, run.pause_reason, run.message) == (
        Run.Status.PAUSED,
        Run.PauseReason.WAREHOUSE,
        contention.SAYS,
    )
    assert {(s.status, s.attempts) for s in run.steps.all()} == {("pending", 0)}


def test_run_paused_by_a_console_lock_has_a_retry_time_and_succeeds(launch, drive, says, drain):
    says(LOCK.format(os.getpid()))
    run = drive(launch(**FOUR_DAYS))
    assert run.again_at

    Run.objects.filter(pk=run.pk).update(status=Run.Status.QUEUED, request="", pause_reason="")
    drive(run)

    assert run.status == Run.Status.SUCCEEDED
    assert set(run.steps.values_list("attempts", flat=True)) == {1}


def test_lock_held_by_another_process_fails_the_step(launch, drive, says):
    says(LOCK.format(os.getppid()))

    run = drive(launch(**FOUR_DAYS))

    assert step(run, "01-01").status == Step.Status.FAILED
    assert "Could not set lock" in step(run, "01-01").message


def test_a_scan_during_a_call_waits_until_it_is_over(launch, drive, fault, pipeline):
    fault("daily.sales", "01-01", "sleep 2")
    run = launch(**FOUR_DAYS)
    row = Scan.objects.create()

    def scan() -> None:
        wait_until(lambda: under_way(run))
        full_scan.scan(pipeline, DuckDBWarehouse(pipeline.inside(pipeline.warehouse.path)), row)

    with meanwhile(scan):
        drive(run)

    row.refresh_from_db()
    call = run.attempts.get()
    assert (run.status, row.status) == (Run.Status.SUCCEEDED, Scan.Status.SUCCEEDED)
    assert row.finished_at > call.finished_at


def test_scan_fails_after_its_patience_and_names_the_attempt_it_waited_for(launch, drive, fault, pipeline):
    fault("daily.sales", "01-01", "sleep 2")
    run = launch(**FOUR_DAYS)
    row = Scan.objects.create()

    def scan() -> None:
        wait_until(lambda: under_way(run))
        warehouse = DuckDBWarehouse(pipeline.inside(pipeline.warehouse.path))
        warehouse.turns.patience = 0.0
        full_scan.scan(pipeline, warehouse, row)

    with meanwhile(scan):
        drive(run)

    row.refresh_from_db()
    assert row.status == Scan.Status.FAILED
    assert f"the call of run {run.pk} (sales, attempt 1) has its turn with the warehouse file" in row.problem
    assert run.status == Run.Status.SUCCEEDED


def test_a_run_waits_for_the_call_of_another(launch, pipeline):
    run = launch(**FOUR_DAYS)
    mine, other = (DuckDBWarehouse(pipeline.inside(pipeline.warehouse.path)) for _ in range(2))
    mine.turns.patience = 0.0

    with other.turn_of_call("the call of run 99 (visits, attempt 3)", owner="", stopped=lambda: False):
        runner.perform(run.pk, pipeline, lease=leases.take(run.pk), warehouse=mine)

    run.refresh_from_db()
    assert (run.status, run.pause_reason, run.attempts.count()) == (
        Run.Status.PAUSED,
        Run.PauseReason.WAREHOUSE,
        0,
    )
    assert run.message == (
        "The call of run 99 (visits, attempt 3) has its turn with the warehouse file; this waits until it is over"
    )
    assert run.again_at


def test_a_run_that_waits_for_a_call_never_waits_longer_than_at_first(launch, pipeline):
    run = launch(**FOUR_DAYS)
    Run.objects.update(waits=6)
    mine, other = (DuckDBWarehouse(pipeline.inside(pipeline.warehouse.path)) for _ in range(2))
    mine.turns.patience = 0.0

    with other.turn_of_call("the call of run 99 (visits, attempt 3)", owner="", stopped=lambda: False):
        runner.perform(run.pk, pipeline, lease=leases.take(run.pk), warehouse=mine)

    run.refresh_from_db()
    assert run.again_at <= timezone.now() + dt.timedelta(seconds=timing.SHORTEST_PAUSE)
    assert silent_tables() == {}


def test_the_turn_of_a_frozen_worker_passes_to_who_takes_over(launch, drive, fault, settings):
    fault("daily.sales", "01-01", "sleep 600")
    run = launch(**FOUR_DAYS)
    with worker(run, settings) as frozen:
        wait_until(lambda: under_way(run))
        frozen.send_signal(signal.SIGSTOP)
        let_the_lease_run_out(run)
        fault.mend()

        drive(run)

    assert run.status == Run.Status.SUCCEEDED
