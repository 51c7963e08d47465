"""The console as people have it: commands, workers and a web server, each a process, and BigQuery's stand-in."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.runs.fortnight.open_page import AS_BEFORE, OpenPage
from tests.standins.bigquery import StandIn
from tests.workers.served import Served, manage, wait_until

pytestmark = pytest.mark.processes

MINUTE = 60.0
WEEK = ("--start", "2024-01-01", "--end", "2024-01-07")
NEXT_WEEK = ("--start", "2024-01-08", "--end", "2024-01-14")
DONE, WAITS = 0, 3  # exit statuses of a run in a terminal
KEPT_OPEN = ("/", "/coverage/winter/", "/runs/2/")
OTHERS = (
    "/coverage/",
    "/coverage/scans/",
    "/coverage/calendar/",
    "/coverage/accepted/",
    "/coverage/partition/daily.sales/2024-01-03/",
    "/sources/",
    "/runs/",
    "/runs/1/",
    "/runs/1/steps/",
    "/runs/1/attempts/1/",
    "/runs/new/?start=2024-01-08&end=2024-01-14",
    "/preflight/",
    "/verify/",
    "/failures/",
    "/workers/",
)


@pytest.fixture
def command(shop: Path, folder: Path, monkeypatch) -> Callable[..., subprocess.CompletedProcess]:
    """Somebody types `manage.py ...`."""
    monkeypatch.setenv("TEST_PIPELINE", str(shop / "fortnight.toml"))
    return lambda *words: manage(folder, *words)


def test_a_run_in_a_terminal_fills_its_dates(command, server):
    command("scan")

    done = command("backfill", *WEEK, "--here", "--yes")

    assert (done.returncode, done.stderr) == (DONE, "")
    assert "14 of 14" in done.stdout
    assert server.say("SELECT COUNT(*) FROM daily.visits") == [(14,)]


def test_a_script_whose_worker_is_killed_is_cancelled_before_another_begins(
    command, serve, server: StandIn, monkeypatch
):
    monkeypatch.setenv("TEST_HURRY", "1")
    command("scan")
    command("backfill", *WEEK, "--table", "sales", "--yes")
    server.delay("script", 600)
    served = serve("--only", "runs", clusters=("runs",))
    wait_until(lambda: server.asked("script"), "its script is at work")
    server.delay("script", 0)

    for worker in served.workers("runs"):
        worker.kill()

    wait_until(lambda: served.ask("SELECT status FROM runs_run") == [("succeeded",)], "the run succeeds")
    first, second = server.asked("script")
    assert first.cancelled.is_set() and first.finished < second.created


@pytest.fixture
def served(command, serve, server: StandIn) -> Served:
    """A console that looked at everything once, has done one run, and has one that waits for its quota.

    The server counts queries from before the console is served.
    """
    assert command("scan").returncode == DONE
    assert command("backfill", *WEEK, "--here", "--yes").returncode == DONE
    server.refuse("quotaExceeded", about="script")
    assert command("backfill", *NEXT_WEEK, "--here", "--yes").returncode == WAITS
    server.forget()
    found = serve()
    found.ask("UPDATE runs_run SET again_at = '2100-01-01 00:00:00' WHERE id = 2")  # midnight may be near
    return found


def scans(served: Served) -> list[tuple[str, int | None]]:
    return served.ask("SELECT status, queries FROM coverage_scan ORDER BY id")


@pytest.fixture
def tabs(served: Served, log_in) -> list[OpenPage]:
    """What three people keep open, and what one of them has looked at besides."""
    people = [log_in(served, name) for name in ("anna", "bert", "cleo")]
    kept = [OpenPage(browser, path) for browser in people for path in KEPT_OPEN]
    return kept + [OpenPage(people[0], path) for path in OTHERS]


@pytest.mark.long
def test_open_pages_of_three_users_do_not_query_bigquery(served, tabs, server):
    until = time.monotonic() + MINUTE
    while time.monotonic() < until:
        for tab in tabs:
            tab.refresh()
        time.sleep(0.1)

    # The second scan is the schedule's, whose next is due in a quarter of an hour.
    wait_until(lambda: "succeeded" in [status for status, _ in scans(served)[1:]], "the schedule has scanned")
    assert scans(served)[1:] == [("succeeded", len(server.jobs))]
    assert {status for tab in tabs for status in tab.answers} <= {200, *AS_BEFORE}
    assert all(tab.asked_again for tab in tabs if tab.path in KEPT_OPEN)
