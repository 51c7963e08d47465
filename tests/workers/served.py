"""A real `manage.py serve` with a database of its own, and what a test does to it."""

from __future__ import annotations

import datetime as dt
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from django.conf import settings
from django_q.tasks import async_task

from .database import Database, database_of

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 90.0


def wait_until(condition: Callable[[], object], what: str, within: float = PATIENCE) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"Not within {within} s: {what}"
        time.sleep(0.1)


def environment(folder: Path, database: Database) -> dict[str, str]:
    return {
        **os.environ,
        "SECRET_KEY": settings.SECRET_KEY,
        "TEST_VAR_DIR": str(folder),
        "DATABASE_URL": database.url,
    }


def manage(
    folder: Path, *arguments: str, database: Database | None = None
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", *arguments]
    env = environment(folder, database or database_of(folder))
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)


def now() -> str:
    """As the database compares moments."""
    return f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M:%S}"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Queue:
    """A broker of django-q2 that writes into the served database, which is not the tests' own."""

    def __init__(self, database: Database, cluster: str) -> None:
        self.database, self.list_key = database, cluster

    def enqueue(self, payload: str) -> None:
        self.database.ask(
            "INSERT INTO django_q_ormq (key, payload, lock) VALUES (?, ?, ?)", self.list_key, payload, now()
        )


class Served:
    """`manage.py serve` as an operator starts it, and everything that came from it.

    apart: the VAR_DIR of another machine that shares the folder's database, under that folder's name.
    """

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        clusters: tuple[str, ...] = ("main", "runs"),
        apart: Path | None = None,
    ) -> None:
        self.folder, self.arguments, self.clusters, self.port = folder, arguments, clusters, free_port()
        self.database = database_of(folder)
        self.var_dir = apart or folder
        self.name = self.var_dir.name
        self.output = self.var_dir / "serve.log"
        self.seen: set[psutil.Process] = set()

    def start(self, **popen: object) -> None:
        command = [sys.executable, "manage.py", "serve", "--port", str(self.port), *self.arguments]
        with self.output.open("a") as output:
            streams = {"stdout": output, "stderr": output, "start_new_session": True, **popen}
            env = environment(self.var_dir, self.database) | {"WORKER_NAME": self.name}
            self.process = psutil.Popen(command, cwd=ROOT, env=env, **streams)

    def stop(self, how: int = signal.SIGTERM) -> None:
        self.look()
        self.process.send_signal(how)
        self.process.wait(timeout=60)

    @property
    def says(self) -> str:
        return self.output.read_text()

    def look(self) -> set[psutil.Process]:
        """What it has started up to now; remembered, so that a test can ask what is left of it."""
        if self.process.is_running():
            self.seen |= {self.process, *self.process.children(recursive=True)}
        return self.seen

    def left(self) -> list[psutil.Process]:
        return [
            process
            for process in self.seen
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        ]

    # --- the parts of a cluster -----------------------------------------------------------------------
    def main(self, name: str) -> psutil.Process:
        pid = self.started(name)[-1]
        return psutil.Process(pid)

    def started(self, name: str) -> list[int]:
        """Process numbers of a service's starts, as `serve` said them."""
        lines = [line for line in self.says.splitlines() if f"serve: {name} started" in line]
        return [int(line.rpartition("process ")[2].rstrip(")")) for line in lines]

    def workers(self, name: str) -> list[psutil.Process]:
        alive = "SELECT pid FROM workers_worker WHERE stopped_at IS NULL AND launcher = ?"
        pids = {row[0] for row in self.ask(alive, self.name)}
        return [child for child in self.main(name).children() if child.pid in pids]

    def auxiliaries(self, name: str) -> list[psutil.Process]:
        """Monitor and pusher: what the main process starts after its workers, in this order."""
        workers = self.workers(name)
        return sorted((p for p in self.main(name).children() if p not in workers), key=lambda p: p.pid)

    # --- work -----------------------------------------------------------------------------------------
    def ask(self, sql: str, *parameters: object) -> list[tuple]:
        return self.database.ask(sql, *parameters)

    def enqueue(self, cluster: str, func: str = "apps.workers.tasks.ping", *arguments: object) -> str:
        return async_task(func, *arguments, broker=Queue(self.database, cluster))

    def has_performed(self, task: str) -> bool:
        return bool(self.ask("SELECT 1 FROM django_q_task WHERE id = ? AND success", task))

    def is_at_work(self) -> bool:
        return bool(self.ask("SELECT 1 FROM workers_worker WHERE busy_since IS NOT NULL"))

    def waiting(self) -> int:
        """Tasks that no cluster has taken."""
        return self.ask("SELECT count(*) FROM django_q_ormq WHERE lock <= ?", now())[0][0]

    def performs(self, cluster: str) -> None:
        """A task that is enqueued now is performed and recorded."""
        self.look()
        task = self.enqueue(cluster)
        wait_until(
            lambda: self.look() and self.has_performed(task), f"{cluster} performs a task:\n{self.says}"
        )

    def is_complete(self, name: str) -> bool:
        """Whether every process of the cluster is there."""
        try:
            return bool(self.workers(name)) and len(self.auxiliaries(name)) == 2
        except (psutil.Error, IndexError):
            return False
