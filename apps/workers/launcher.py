"""The launcher and watchdog: starts the web server and the clusters, restarts what dies or is silent.

It imports Django and the warehouse's engine once and forks: the services share that memory, half of what three separate
programs would use. So it has no thread, and no database connection when it forks.

A service is dead when:
- its main process has ended. On Linux its other processes end with it (processes.die_with_parent);
- it has ended itself because a process died while it held a lock (django_q_changes.Sentinel);
- it does not perform tasks: a ping in its queue is not answered although its workers are idle (liveness_probe).
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Collection, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from types import FrameType

import psutil
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connections
from django.dispatch import Signal
from django.utils import timezone

from apps import timing

from . import clusters, naming, processes, signals
from .checks import clusters as configured_clusters
from .models import Worker
from .process_record import Record
from .service import STOPS, Service

log = logging.getLogger(__name__)


class CannotServe(Exception):
    """Nothing could be started; the text says why."""


class Launcher:
    """Serves some parts of the console from one folder, VAR_DIR, until a signal stops it."""

    def __init__(
        self,
        *,
        parts: Collection[str],
        host: str,
        port: int,
        runs_workers: int = 1,
        say: Callable[[str], None],
    ) -> None:
        self.parts, self.runs_workers = parts, runs_workers
        self.host, self.port, self.say = host, port, say
        self.record = Record(Path(settings.VAR_DIR) / "serve.json")
        self.services: list[Service] = []
        self.stop_signals = 0
        self.started_at = timezone.now()
        self.checked_at = self.ticked_at = self.heartbeat_at = 0.0

    def run(self) -> None:
        """Serve until stopped. AlreadyServed, NameTaken or CannotServe when it cannot begin."""
        _keep_standard_streams_open()
        if leftovers := self.record.claim():
            self.say(f"ended {leftovers} processes that an earlier launcher had left behind")
        try:
            self._take_name()
            self._prepare()
            with self._counting_stop_signals():
                while not self.stop_signals:
                    self._step(time.monotonic())
                    time.sleep(0.2)
                self._stop()
        finally:
            self._kill_all()
            self.record.release()

    # --- starting ------------------------------------------------------------------------------------
    def _take_name(self) -> None:
        doing = f"keeps {', '.join(self.parts)} running"
        try:
            naming.claim(self.started_at, doing=doing, predecessor=self.record.predecessor)
        finally:
            connections.close_all()

    def _prepare(self) -> None:
        """Define the services, and import what they share before the first fork."""
        if Worker.WEB in self.parts:
            self._prepare_web()
        for name, _ in configured_clusters():
            if name in self.parts:
                workers = self.runs_workers if name == "runs" else None
                self._add(name, partial(clusters.perform, name, workers), is_cluster=True)
        _send(signals.preloading, "before the first fork")
        gc.collect()
        gc.freeze()  # the collector would write to, and so copy, every shared page
        self.checked_at = self.ticked_at = time.monotonic()

    def _prepare_web(self) -> None:
        listener = _listen(self.host, self.port)
        from . import web

        import_module(settings.ROOT_URLCONF)
        self._add(Worker.WEB, partial(web.serve, listener.detach(), f"{self.host}:{self.port}"))

    def _add(self, name: str, run: Callable[[], int], is_cluster: bool = False) -> None:
        self.services.append(Service(name, run, token=self.record.token, is_cluster=is_cluster))

    @contextlib.contextmanager
    def _counting_stop_signals(self) -> Iterator[None]:
        def count(number: int, frame: FrameType | None) -> None:
            self.stop_signals += 1

        before = {number: signal.getsignal(number) for number in STOPS}
        for number in STOPS:
            if number != signal.SIGHUP or before[number] is not signal.SIG_IGN:  # nohup
                signal.signal(number, count)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    # --- watching -------------------------------------------------------------------------------------
    def _step(self, now: float) -> None:
        for service in self.services:
            if service.process is None and now >= service.start_at:
                self._start(service)
            elif how := service.exit_status():
                self._restart(service, how)
        if now - self.checked_at >= timing.LAUNCHER_CHECKS_EVERY:
            self._check(now)

    def _start(self, service: Service) -> None:
        if service.is_cluster:
            with _database():
                clusters.free_taken_tasks(service.name, taken_before=timezone.now())
        service.start()
        self.record.services[service.name] = (service.pid, service.known_as)
        try:
            self.record.save()
        except (
            OSError
        ) as error:  # a full disk; then only the token finds what is left of a service, more slowly
            log.warning("The launcher's record could not be written: %s", error)
        where = f" at http://{self.host}:{self.port}/" if service.name == Worker.WEB else ""
        self.say(f"{service.name} started{where} (process {service.pid})")

    def _restart(self, service: Service, reason: str) -> None:
        service.end()
        self.say(f"{service.name} {reason}: starting it again")
        with _database():
            clusters.mark_workers_stopped(service.name)

    def _check(self, now: float) -> None:
        """Probe the clusters, and send the tick. Without a database no cluster can be probed."""
        was_away = now - self.checked_at > 3 * timing.LAUNCHER_CHECKS_EVERY  # suspended, or kept waiting
        self.checked_at = now
        running = [service for service in self.services if service.is_cluster and service.process]
        probed = False
        with _database():
            self._renew_name(now)
            for service in running:
                self._probe(service, was_away)
            probed = True
            if now - self.ticked_at >= timing.LAUNCHER_TICKS_EVERY:
                self.ticked_at = now
                self._tick(running)
        if not probed:
            for service in running:
                service.probe.excused(time.monotonic())

    def _renew_name(self, now: float) -> None:
        """Stop if another launcher took the name during a long silence: it serves in this one's place."""
        if now - self.heartbeat_at < timing.HEARTBEAT_EVERY.total_seconds():
            return
        self.heartbeat_at = now
        if not naming.renew():
            self.say(f"another launcher serves as {settings.WORKER_NAME} by now")
            self.stop_signals = max(self.stop_signals, 1)

    def _probe(self, service: Service, was_away: bool) -> None:
        now, probe = time.monotonic(), service.probe
        if probe.ping is not None and clusters.has_answered(probe.ping):
            probe.answered(now)
        elif was_away or clusters.are_all_busy(service.name, leader=service.pid):
            probe.excused(now)
        if probe.is_silent(now):
            self._restart(service, "performs nothing although a worker is idle")
        elif probe.should_ping(now):
            probe.pinged(clusters.send_ping(service.name), now)

    def _tick(self, running: list[Service]) -> None:
        for service in running:
            if service.began_at:
                clusters.free_taken_tasks(service.name, taken_before=service.began_at)
        clusters.hasten_schedules(timezone.now())
        _send(signals.tick, "at the launcher's tick")

    # --- stopping ---------------------------------------------------------------------------------------
    def _stop(self) -> None:
        """Terminate the main processes only: a cluster hangs if all of its processes get the signal."""
        self.say("stopping")
        running = [service.process for service in self.services if service.process]
        for process in running:
            with contextlib.suppress(psutil.Error):
                process.terminate()
        deadline = time.monotonic() + timing.LAUNCHER_GRACE
        while running and time.monotonic() < deadline and self.stop_signals < 2:
            _, running = psutil.wait_procs(running, timeout=0.2)

    def _kill_all(self) -> None:
        for service in self.services:
            service.kill()
        processes.kill(None, self.record.token)
        with _database():
            for service in self.services:
                clusters.mark_workers_stopped(service.name)
            naming.release()


def _send(message: Signal, when: str) -> None:
    """Send to all receivers; an error of one is logged."""
    for receiver, outcome in message.send_robust(sender=Launcher):
        if isinstance(outcome, Exception):
            log.error("%s failed %s", receiver, when, exc_info=outcome)


@contextlib.contextmanager
def _database() -> Iterator[None]:
    """Use the database, and close the connection. An error is logged: the next check tries again."""
    try:
        yield
    except (DatabaseError, InterfaceError) as error:
        log.warning("The launcher could not use the database: %s", error)
    finally:
        connections.close_all()


def _listen(host: str, port: int) -> socket.socket:
    """The launcher holds the port: a port in use is known before anything starts, and restarts keep it."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(512)
    except OSError as error:
        listener.close()
        raise CannotServe(
            f"Cannot listen on {host}:{port} ({error.strerror}): choose another --port."
        ) from error
    return listener


def _keep_standard_streams_open() -> None:
    """In a program started with closed streams a database file would get the file descriptor of its output."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(fd)
