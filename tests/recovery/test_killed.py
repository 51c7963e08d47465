"""Processes that are killed or freeze: the run goes on by itself, and nobody else's process is touched."""

import json
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.recovery.console import Running, gone, kill, stranger
from tests.workers.served import manage, wait_until

pytestmark = pytest.mark.processes


@pytest.mark.postgresql
def test_run_succeeds_after_all_console_processes_are_killed_and_restarted(begin, hurried, fault, serve):
    run = begin()
    job = run.job()
    fault.mend()

    kill([process for process in run.served.look() if process.pid != job.pid])
    wait_until(lambda: gone(job), "the job ends with its worker")
    run.served = serve()

    run.succeeds()
    assert run.is_whole()
    assert run.attempts("lost") == 1


def test_run_succeeds_without_intervention_after_its_worker_is_killed(begin, hurried, fault):
    run = begin()
    job = run.job()
    fault.mend()

    kill([job.parent()])

    run.succeeds()
    assert run.is_whole()
    assert gone(job)
    assert run.attempts("lost") == 1


def test_run_resumes_after_a_reboot_without_killing_an_unrelated_process(
    begin, hurried, ask, serve, folder: Path, fault
):
    run = begin()
    fault.mend()
    kill(list(run.served.look()))
    number, left = stranger()  # of another boot, so whose numbers they are now says nothing
    run.ask(
        "UPDATE runs_attempt SET pid = ?, process = 'an-earlier-boot 77' WHERE status = 'running'", number
    )
    record = json.loads((folder / "serve.json").read_text())
    record["services"] = {"runs": [number, "an-earlier-boot 78"]}
    (folder / "serve.json").write_text(json.dumps(record))

    run.served = serve()

    run.succeeds()
    assert run.is_whole()
    assert not gone(left)
    kill([left])


DIES = """
    if str(date) == "2024-01-05":
        os.kill(os.getppid(), 9)
        os.kill(os.getpid(), 9)
    note("end", table, date)
"""


def test_date_committed_before_a_crash_is_verified_without_a_second_attempt(begin, hurried, shop: Path):
    journal = shop.parent / "jobs" / "journal.py"
    journal.write_text(journal.read_text().replace('\n    note("end", table, date)\n', DIES, 1))

    run = begin(sixth=10)

    run.succeeds()
    assert run.is_whole()
    assert run.attempts("lost") == 1
    starts = [json.loads(line) for line in run.journal.read_text().splitlines() if '"start"' in line]
    assert [entry["date"] for entry in starts].count("2024-01-05") == 1


def test_run_is_unaffected_if_the_web_server_is_killed(begin, log_in):
    run = begin(sixth=8)
    browser = log_in(run.served)

    kill([run.served.main("web")])

    wait_until(lambda: browser.sees("/runs/1/") == 200, "the web is back")
    run.succeeds()
    assert run.is_whole()
    assert run.attempts("lost") == 0


@pytest.mark.postgresql
def test_a_worker_that_was_frozen_and_wakes_writes_nothing(begin, hurried, fault):
    run = begin("--runs-workers", "2")
    job, frozen = run.job(), run.worker()
    fault.mend()

    frozen.send_signal(signal.SIGSTOP)
    run.succeeds()
    before = run.written()
    frozen.send_signal(signal.SIGCONT)

    wait_until(lambda: "another worker performs it by now" in run.served.says, "it finds itself fenced")
    assert run.written() == before
    assert run.is_whole()
    assert gone(job)
    assert run.attempts("lost") == 1


STUBBORN = """
import os, subprocess, sys, time
child = "trap 'echo asked >> asked' TERM; echo $$ > child; while :; do sleep 0.1; done"
subprocess.Popen(["sh", "-c", child])
time.sleep(600)
"""


@pytest.fixture
def stubborn(shop: Path) -> Path:
    """The folder of a job that starts a child which does not end when it is asked to."""
    jobs = shop.parent / "jobs"
    (jobs / "fill.py").write_text(STUBBORN)
    return jobs


@pytest.fixture
def begin_stubborn(stubborn: Path, folder, hurried, serve, journal, monkeypatch) -> Callable[[], Running]:
    def start() -> Running:
        monkeypatch.setenv("TEST_PIPELINE", str(stubborn.parent / "shop.toml"))
        for words in (("scan",), ("backfill", "--table", "sales", "--season", "winter", "--yes")):
            assert manage(folder, *words).returncode == 0
        return Running(serve(), folder / "journal")

    return start


def test_stop_now_kills_a_child_process_that_ignores_sigterm(stubborn: Path, begin_stubborn):
    run = begin_stubborn()
    wait_until((stubborn / "child").exists, "the job has a child")
    child = psutil.Process(int((stubborn / "child").read_text()))

    run.ask("UPDATE runs_run SET request = 'stop'")

    wait_until(lambda: run.state[0] == "paused", "the run stops")
    assert (stubborn / "asked").read_text() == "asked\n"
    wait_until(lambda: gone(child), "the child has ended")
    assert (run.attempts("stopped"), run.steps("pending"), run.steps("running")) == (1, 19, 0)
