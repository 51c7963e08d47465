"""The list of workers: processes that serve the console, what each does, and queues without a worker."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings

from apps import timing
from apps.text import elapsed

from .checks import clusters
from .models import Worker

SERVE = ".venv/bin/python manage.py serve"
RUN = re.compile(r"run (\d+)\b")


@dataclass(frozen=True)
class Line:
    """A process. `state` selects the colour, `said` is its word."""

    worker: Worker
    state: str
    said: str

    @property
    def launcher(self) -> str:
        return self.worker.launcher or self.worker.host

    @property
    def is_alive(self) -> bool:
        return self.state in ("running", "complete")

    @property
    def run(self) -> int | None:
        """The number of the run that it works on."""
        found = RUN.match(self.worker.doing)
        return int(found[1]) if found else None

    @property
    def rest(self) -> str:
        """Its activity, without the run."""
        return RUN.sub("", self.worker.doing, count=1) if self.run else self.worker.doing

    @property
    def differs(self) -> bool:
        """Whether its version is not that of the process that renders this page."""
        return self.worker.version != settings.VERSION


@dataclass(frozen=True)
class Unserved:
    """A cluster without a live worker. `silence` is the time since its last heartbeat; empty if there never was one."""

    cluster: str
    silence: str


@dataclass(frozen=True)
class WorkerList:
    lines: Sequence[Line]
    unserved: Sequence[Unserved]
    alive: int
    launchers: int

    @property
    def command(self) -> str:
        """Starts the clusters without a worker."""
        lacking = [each.cluster for each in self.unserved]
        everything = len(lacking) == len(list(clusters()))
        return SERVE if everything else f"{SERVE} --only {' '.join(lacking)}"


def workers_now(now: dt.datetime) -> WorkerList:
    """All processes alive, and those that fell silent or stopped in the last hour, in one query."""
    known = sorted(Worker.objects.all(), key=by_launcher)
    alive = [worker for worker in known if worker.is_alive(now)]
    return WorkerList(
        lines=[line(worker, now) for worker in known if worker.heartbeat_at > now - timing.WORKER_SHOWN_FOR],
        unserved=unserved(known, alive, now),
        alive=len(alive),
        launchers=len({worker.launcher for worker in alive}),
    )


def by_launcher(worker: Worker) -> tuple[str, int, dt.datetime, int]:
    parts = [Worker.LAUNCHER, Worker.WEB, *(name for name, _ in clusters())]
    position = parts.index(worker.cluster) if worker.cluster in parts else len(parts)
    return worker.launcher, position, worker.started_at, worker.pk


def line(worker: Worker, now: dt.datetime) -> Line:
    if worker.stopped_at:
        return Line(worker, "cancelled", f"stopped {elapsed(now - worker.stopped_at)} ago")
    if not worker.is_alive(now):
        return Line(worker, "failed", f"silent for {elapsed(now - worker.heartbeat_at)}")
    if worker.is_busy:
        return Line(worker, "running", "at work")
    is_waiting = worker.cluster in dict(clusters())
    return Line(worker, "complete", "waits for work" if is_waiting else "alive")


def unserved(known: Sequence[Worker], alive: Sequence[Worker], now: dt.datetime) -> list[Unserved]:
    served = {worker.cluster for worker in alive}
    return [
        Unserved(name, silence([worker for worker in known if worker.cluster == name], now))
        for name, _ in clusters()
        if name not in served
    ]


def silence(workers: Sequence[Worker], now: dt.datetime) -> str:
    return elapsed(now - max(worker.heartbeat_at for worker in workers)) if workers else ""
