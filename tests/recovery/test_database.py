"""The console's own database is locked for most of a lease, or restarts in the middle of a run."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests import postgres
from tests.recovery.console import Running
from tests.workers.database import Sqlite, database_of
from tests.workers.served import manage, wait_until

pytestmark = pytest.mark.processes

# A fifth of the real times: who cannot renew a lease that is good for 45 s goes on trying for 40.
TIMES = {
    "LEASE": 9,
    "LEASE_HEARTBEAT_EVERY": 1,
    "DB_RETRY_FOR": 8,
}
LOCKED_FOR = 6  # seconds
LOCK = """
import sqlite3, sys, time
with sqlite3.connect(sys.argv[1], timeout=20, isolation_level=None) as database:
    database.execute("BEGIN EXCLUSIVE")
    print("locked", flush=True)
    time.sleep(float(sys.argv[2]))
    database.execute("ROLLBACK")
"""


def lock(database: Sqlite) -> subprocess.Popen:
    """Another process holds the database's lock for a while from now on, and ends."""
    command = [sys.executable, "-c", LOCK, str(database.path), str(LOCKED_FOR)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout and process.stdout.readline() == "locked\n"
    return process


@pytest.mark.parametrize("sixth", [2, 9], ids=["the call ends meanwhile", "the call lasts longer"])
def test_locked_database_neither_ends_an_attempt_nor_loses_its_result(begin, times, folder: Path, sixth):
    if not isinstance(database_of(folder), Sqlite):
        pytest.skip("no other process can lock all of this database")
    times(TIMES)
    run: Running = begin(sixth=sixth)

    other = lock(run.served.database)
    other.wait()

    run.succeeds()
    assert run.is_whole()
    assert (run.attempts("ended"), run.attempts("lost")) == (19, 0)


class TestPostgres:
    """A PostgreSQL of the test's own: ended at once, as by `pg_ctl restart -m immediate`, and started again."""

    @pytest.fixture
    def server(self, tmp_path_factory) -> Iterator[PostgresServer]:
        programs = postgres.find_programs()
        if programs is None:
            pytest.skip(postgres.HOW_TO_GET_IT)
        server = PostgresServer(programs)
        yield server
        server.end()

    @pytest.fixture
    def folder(self, server, tmp_path: Path, monkeypatch) -> Path:
        monkeypatch.setenv("DATABASE_URL", server.server.url())
        database_of(tmp_path).create()
        done = manage(tmp_path, "migrate", "-v0")
        assert done.returncode == 0, done.stderr
        return tmp_path

    def test_a_run_survives_restarts_during_a_call_and_between_decisions(self, begin, server):
        run = begin(sixth=6)

        server.restart()  # during the call
        wait_until(lambda: run.steps("succeeded") > 6, "it goes on")
        server.restart()  # anywhere in the quick succession of the next ones

        run.succeeds()
        assert run.is_whole()

    @pytest.mark.long
    def test_pages_are_available_again_after_a_database_restart(self, begin, server, log_in):
        run = begin(sixth=60)
        browser = log_in(run.served)
        with ThreadPoolExecutor(8) as people:  # as many as the web server has threads
            assert set(people.map(browser.sees, ["/runs/1/"] * 16)) == {200}

            server.restart()

            assert set(people.map(browser.sees, ["/runs/1/", "/", "/coverage/"] * 8)) == {200}


class PostgresServer:
    def __init__(self, programs: Path):
        self.programs = programs
        self.place = tempfile.TemporaryDirectory(prefix="console-postgres-", ignore_cleanup_errors=True)
        self.server = postgres.Server(Path(self.place.name), postgres.free_port(), "winter")
        postgres.initialise(programs, self.server)
        self.begin()

    def begin(self) -> None:
        self.process = postgres.start(self.programs, self.server)
        postgres.wait_for(self.server, self.process)

    def restart(self) -> None:
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait()
        self.begin()

    def end(self) -> None:
        postgres.stop(self.process)
        self.place.cleanup()
