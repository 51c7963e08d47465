"""The launcher and watchdog: starts the web server and the clusters, restarts what dies or is silent.

It imports Django and the warehouse's engine once and forks: the services share those pages, which halves the memory of
three programs that each import them. For that it has no thread, and no database connection when it forks.

How a service is known to be dead:
- its main process has ended. On Linux the rest of it ends with it (processes.die_with_parent);
- it has left because a process died with a lock in its hand (django_q_changes.Sentinel);
- it does not perform: a ping in its queue is not answered although its workers are idle (pulse).
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
    """Nothing was started, and why."""


class Launcher:
    """Some parts of the console, served from one folder, VAR_DIR, until a signal says stop."""

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
        self.stops_asked = 0
        self.started_at = timezone.now()
        self.looked_at = self.ticked_at = self.beaten_at = 0.0

    def run(self) -> None:
        """Serve until stopped. Raises AlreadyServed, NameTaken or CannotServe when it cannot begin."""
        _keep_standard_streams_open()
        if leftovers := self.record.claim():
            self.say(f"ended {leftovers} processes that an earlier launcher had left behind")
        try:
            self._take_name()
            self._prepare()
            with self._told_to_stop():
                while not self.stops_asked:
                    self._step(time.monotonic())
                    time.sleep(0.2)
                self._stop()
        finally:
            self._kill_all()
            self.record.release()

    # --- beginning ------------------------------------------------------------------------------------
    def _take_name(self) -> None:
        keeps = f"keeps {', '.join(self.parts)} running"
        try:
            naming.claim(self.started_at, doing=keeps, predecessor=self.record.predecessor)
        finally:
            connections.close_all()

    def _prepare(self) -> None:
        """Name the services, and load what they share before the first fork."""
        if Worker.WEB in self.parts:
            self._prepare_web()
        for name, _ in configured_clusters():
            if name in self.parts:
                workers = self.runs_workers if name == "runs" else None
                self._add(name, partial(clusters.perform, name, workers), is_cluster=True)
        _send(signals.preloading, "before the first fork")
        gc.collect()
        gc.freeze()  # the collector would touch, and so copy, every shared page
        self.looked_at = self.ticked_at = time.monotonic()

    def _prepare_web(self) -> None:
        listener = _listen(self.host, self.port)
        from . import web

        import_module(settings.ROOT_URLCONF)
        self._add(Worker.WEB, partial(web.serve, listener.detach(), f"{self.host}:{self.port}"))

    def _add(self, name: str, run: Callable[[], int], is_cluster: bool = False) -> None:
        self.services.append(Service(name, run, token=self.record.token, is_cluster=is_cluster))

    @contextlib.contextmanager
    def _told_to_stop(self) -> Iterator[None]:
        def count(number: int, frame: FrameType | None) -> None:
            self.stops_asked += 1

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
                self._bring_back(service, how)
        if now - self.looked_at >= timing.LAUNCHER_LOOKS_EVERY:
            self._look(now)

    def _start(self, service: Service) -> None:
        if service.is_cluster:
            with _database():
                clusters.free_taken_tasks(service.name, taken_before=timezone.now())
        service.start()
        self.record.services[service.name] = (service.pid, service.known_as)
        try:
            self.record.save()
        except OSError as error:  # a full disk; the token alone finds what is left of a service, more slowly
            log.warning("The launcher's record could not be written: %s", error)
        where = f" at http://{self.host}:{self.port}/" if service.name == Worker.WEB else ""
        self.say(f"{service.name} started{where} (process {service.pid})")

    def _bring_back(self, service: Service, reason: str) -> None:
        service.end()
        self.say(f"{service.name} {reason}: starting it again")
        with _database():
            clusters.mark_workers_stopped(service.name)

    def _look(self, now: float) -> None:
        """Whether the clusters perform; and the tick. Without a database nothing can be judged."""
        was_away = (
            now - self.looked_at > 3 * timing.LAUNCHER_LOOKS_EVERY
        )  # suspended, or kept waiting ourselves
        self.looked_at = now
        running = [service for service in self.services if service.is_cluster and service.process]
        judged = False
        with _database():
            self._beat(now)
            for service in running:
                self._judge(service, was_away)
            judged = True
            if now - self.ticked_at >= timing.LAUNCHER_TICKS_EVERY:
                self.ticked_at = now
                self._tick(running)
        if not judged:
            for service in running:
                service.pulse.excused(time.monotonic())

    def _beat(self, now: float) -> None:
        """Whoever takes the name of a launcher that was silent for long serves in its place."""
        if now - self.beaten_at < timing.HEARTBEAT_EVERY.total_seconds():
            return
        self.beaten_at = now
        if not naming.beat():
            self.say(f"another launcher serves as {settings.WORKER_NAME} by now")
            self.stops_asked = max(self.stops_asked, 1)

    def _judge(self, service: Service, was_away: bool) -> None:
        now, pulse = time.monotonic(), service.pulse
        if pulse.ping is not None and clusters.has_answered(pulse.ping):
            pulse.answered(now)
        elif was_away or clusters.are_all_busy(service.name, leader=service.pid):
            pulse.excused(now)
        if pulse.is_silent(now):
            self._bring_back(service, "performs nothing although a worker is idle")
        elif pulse.should_ask(now):
            pulse.asked(clusters.send_ping(service.name), now)

    def _tick(self, running: list[Service]) -> None:
        for service in running:
            if service.began_at:
                clusters.free_taken_tasks(service.name, taken_before=service.began_at)
        clusters.hasten_schedules(timezone.now())
        _send(signals.tick, "at the launcher's tick")

    # --- ending ---------------------------------------------------------------------------------------
    def _stop(self) -> None:
        """Ask the main processes to end, and them alone: a signal to all of a cluster would hang it."""
        self.say("stopping")
        running = [service.process for service in self.services if service.process]
        for process in running:
            with contextlib.suppress(psutil.Error):
                process.terminate()
        deadline = time.monotonic() + timing.LAUNCHER_GRACE
        while running and time.monotonic() < deadline and self.stops_asked < 2:
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
    """To all receivers; an error of one is logged."""
    for receiver, outcome in message.send_robust(sender=Launcher):
        if isinstance(outcome, Exception):
            log.error("%s failed %s", receiver, when, exc_info=outcome)


@contextlib.contextmanager
def _database() -> Iterator[None]:
    """Ask the database, and leave no connection behind. An error is logged: later is early enough."""
    try:
        yield
    except (DatabaseError, InterfaceError) as error:
        log.warning("The launcher could not ask the database: %s", error)
    finally:
        connections.close_all()


def _listen(host: str, port: int) -> socket.socket:
    """The launcher holds the port: taken or free is known before anything starts, and restarts keep it."""
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
    """A program started with closed streams would find its database at the number of its output."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(fd)
