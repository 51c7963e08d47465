"""A run under way in a served console: what it is at, and whether it became whole in the end."""

from __future__ import annotations

import contextlib
import http.cookiejar
import json
import re
import signal
import sqlite3
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import psutil
import psycopg

from tests.runs.engine.test_recovery import is_alive
from tests.workers.served import Served, wait_until

STEPS = 19  # the open days of the shop's winter
PASSWORD = "a long winter in the shop"
NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Running:
    """The run of a served console, and the journal of what its jobs wrote."""

    def __init__(self, served: Served, journal: Path):
        self.served = served
        self.journal = journal

    def ask(self, sql: str, *parameters: object) -> list[tuple]:
        """What the console's database says; nothing while it is away."""
        with contextlib.suppress(sqlite3.OperationalError, psycopg.OperationalError):
            return self.served.ask(sql, *parameters)
        return []

    @property
    def state(self) -> tuple:
        """Status, why it is paused, and the sentence."""
        return next(iter(self.ask("SELECT status, pause_reason, message FROM runs_run")), ("unknown", "", ""))

    def steps(self, status: str) -> int:
        return next(iter(self.ask("SELECT count(*) FROM runs_step WHERE status = ?", status)), (0,))[0]

    def attempts(self, status: str) -> int:
        return next(iter(self.ask("SELECT count(*) FROM runs_attempt WHERE status = ?", status)), (0,))[0]

    def job(self) -> psutil.Process:
        """The job that is at work now."""
        pid = "SELECT pid FROM runs_attempt WHERE status = 'running' AND pid IS NOT NULL"
        wait_until(lambda: self.ask(pid), f"a job is at work:\n{self.served.says}")
        return psutil.Process(self.ask(pid)[0][0])

    def worker(self) -> psutil.Process:
        return self.job().parent()

    def timeline(self) -> list[str]:
        return [text for (text,) in self.ask("SELECT text FROM runs_event ORDER BY id")]

    def succeeds(self, within: float = 90.0) -> None:
        wait_until(lambda: self.state[0] == "succeeded", f"the run succeeds:\n{self.served.says}", within)

    def is_whole(self) -> bool:
        """Every step verified by its data, every date written once, and no two jobs at one date at a time."""
        entries = [json.loads(line) for line in self.journal.read_text().splitlines()]
        overlaps = [entry for entry in entries if entry["what"] == "overlap"]
        assert (self.steps("succeeded"), overlaps) == (STEPS, [])
        writes = written(entries, cut_off=self.cut_off())
        assert set(writes.values()) == {1} and len(writes) == STEPS, writes
        return self.ask("SELECT DISTINCT rows_after FROM runs_step") == [(8,)]

    def cut_off(self) -> set[str]:
        """The attempts that did not end by themselves: lost with their workers, or stopped."""
        numbers = self.ask("SELECT number FROM runs_attempt WHERE status IN ('lost', 'stopped')")
        return {str(number) for (number,) in numbers}

    def written(self) -> list[list[tuple]]:
        """Everything that a worker may write of a run."""
        return [
            self.ask("SELECT status, attempts, attempt_id, rows_after FROM runs_step ORDER BY id"),
            self.ask("SELECT number, status, exit_status, message FROM runs_attempt ORDER BY id"),
            self.ask("SELECT kind, text FROM runs_event ORDER BY id"),
            self.ask("SELECT status, message FROM runs_run"),
            self.ask("SELECT number, lease FROM runs_lane"),
        ]


def written(entries: Iterable[Mapping[str, Any]], *, cut_off: Collection[str]) -> Counter[str]:
    """How often each date was written, of a run whose steps are all verified.

    A job that is killed between its commit and the line about its end wrote the date: if no call after it did, and its
    attempt was cut off, it is the one that the warehouse confirmed.
    """
    writes: Counter[str] = Counter()
    last: dict[str, Mapping[str, Any]] = {}
    for entry in entries:
        writes[entry["date"]] += entry["what"] == "end"
        if entry["what"] != "overlap":
            last[entry["date"]] = entry
    for date, entry in last.items():
        if entry["what"] == "start" and entry["attempt"] in cut_off and not writes[date]:
            writes[date] = 1
    return writes


def kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.send_signal(signal.SIGKILL)


def gone(process: psutil.Process) -> bool:
    return not is_alive(process.pid)


def stranger() -> tuple[int, psutil.Process]:
    """A process of somebody else's, in a session and group whose first process, of that number, has ended."""
    script = "sleep 600 >/dev/null & echo $!"
    leader = subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert leader.stdout
    left = int(leader.stdout.readline())
    leader.wait()
    return leader.pid, psutil.Process(left)


class Browser:
    """Somebody who is logged in, and sees pages."""

    def __init__(self, served: Served, name: str):
        self.address = f"http://127.0.0.1:{served.port}"
        self.cookies = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))
        page = self.opener.open(f"{self.address}/account/login/", timeout=30).read().decode()
        found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
        assert found
        form = {"username": name, "password": PASSWORD, "csrfmiddlewaretoken": found[1]}
        self.opener.open(f"{self.address}/account/login/", urllib.parse.urlencode(form).encode(), timeout=30)

    def sees(self, path: str) -> int:
        """The status of the page's answer; 0 where nobody answers, 401 where one has to log in."""
        return self.reads(path)[0]

    def reads(self, path: str, headers: Mapping[str, str] = NO_HEADERS) -> tuple[int, str]:
        """The same status, and the text of the page."""
        request = urllib.request.Request(self.address + path, headers=dict(headers))
        try:
            with self.opener.open(request, timeout=60) as answer:
                return 401 if "/account/login/" in answer.url else answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, ""
        except OSError:
            return 0, ""
