"""A service: one of the programs that the launcher keeps running, in a session of its own."""

from __future__ import annotations

import datetime as dt
import os
import signal
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field

import psutil
from django.db import connections
from django.utils import timezone

from apps import timing

from . import processes
from .liveness_probe import LivenessProbe

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass
class Service:
    """`run` is called in its main process; `wait` is the time before its next start, longer each time."""

    name: str
    run: Callable[[], int]
    token: str
    is_cluster: bool = False
    process: psutil.Process | None = None
    known_as: str = ""
    began_at: dt.datetime | None = None
    start_at: float = 0.0
    wait: float = field(default_factory=lambda: timing.SHORTEST_RESTART_WAIT)
    probe: LivenessProbe = field(default_factory=lambda: LivenessProbe(alive_at=time.monotonic()))

    @property
    def pid(self) -> int:
        """Of its main process; 0 without one."""
        return self.process.pid if self.process else 0

    def start(self) -> None:
        """Fork its main process. No thread and no database connection may be shared with it."""
        connections.close_all()
        self.began_at = timezone.now()
        self.process = psutil.Process(self._fork())
        self.known_as = processes.identity(self.process.pid)
        self.start_at = time.monotonic()
        self.probe = LivenessProbe(alive_at=self.start_at)

    def exit_status(self) -> str | None:
        """How its main process ended, in words; None while it runs."""
        if self.process is None:
            return None
        try:
            code = self.process.wait(timeout=0)
        except psutil.TimeoutExpired:
            return None
        if code is None:
            return "ended"
        return f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"

    def end(self) -> None:
        """Kill what is left of it, and delay its next start, to prevent a busy loop."""
        self.kill()
        now = time.monotonic()
        if now - self.start_at > timing.SETTLED_AFTER:
            self.wait = timing.SHORTEST_RESTART_WAIT
        self.start_at = now + self.wait
        self.wait = min(self.wait * 2, timing.LONGEST_RESTART_WAIT)

    def kill(self) -> None:
        if self.process:
            session = self.pid if processes.still_its_session(self.pid, self.known_as) else None
            processes.kill(session, self.token, self.name)
            self.process = None

    def _fork(self) -> int:
        launcher = os.getpid()
        # Before the child has its own handlers, a signal would run the launcher's.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
        try:
            pid = os.fork()
            if pid == 0:
                self._main(launcher)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
        return pid

    def _main(self, launcher: int) -> None:
        """The main process: exits here, and never returns to the launcher's code."""
        status = 1
        try:
            os.setsid()
            processes.die_with_parent(f"serve-{self.name}", launcher)
            for number in STOPS:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
            os.environ[processes.TOKEN], os.environ[processes.SERVICE] = self.token, self.name
            status = self.run()
        except SystemExit as leaving:
            status = leaving.code if isinstance(leaving.code, int) else 1
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
