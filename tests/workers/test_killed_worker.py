"""A worker is killed in the middle of a run, and nobody has to do anything about it."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.workers.served import Served, manage, wait_until

pytestmark = pytest.mark.processes

STEPS = 19


@pytest.fixture
def run(shop: Path, fault, folder: Path, hurried, serve, monkeypatch) -> Served:
    """A served console in the middle of a run whose sixth date takes long."""
    monkeypatch.setenv("TEST_PIPELINE", str(shop.parent / "shop.toml"))
    fault("daily.sales", "01-06", "sleep 600")
    launch = ("backfill", "--table", "sales", "--season", "winter", "--batch", "1", "--yes")
    for words in (("scan",), launch):
        done = manage(folder, *words)
        assert done.returncode == 0, done.stderr
    served = serve()
    wait_until(lambda: sixth_job(served), "the sixth call is under way")
    return served


def sixth_job(served: Served) -> list[tuple]:
    """The number of the process that fills the sixth date, once it runs."""
    return served.ask(
        "SELECT pid FROM runs_attempt WHERE number = 6 AND status = 'running' AND pid IS NOT NULL"
    )


def steps(served: Served, status: str) -> int:
    return served.ask("SELECT count(*) FROM runs_step WHERE status = ?", status)[0][0]


def test_run_succeeds_without_intervention_after_its_worker_is_killed(run: Served, ask, fault):
    job = sixth_job(run)[0][0]
    fault.mend()
    run.look()

    for worker in run.workers("runs"):
        worker.send_signal(signal.SIGKILL)

    wait_until(lambda: status(run) == "succeeded", "the run succeeds")
    assert steps(run, "succeeded") == STEPS
    assert run.ask("SELECT count(*) FROM runs_attempt WHERE status = 'lost'") == [(1,)]
    assert not Path(f"/proc/{job}").exists()
    assert ask("SELECT count(*) FROM daily.sales") == [(STEPS * 8,)]


def status(served: Served) -> str:
    return served.ask("SELECT status FROM runs_run")[0][0]
