"""Processes: identity across pid reuse, the members of a service, and killing them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from functools import cache
from pathlib import Path

import psutil

# Everything that the launcher starts, and everything started by that, carries the launcher's token here.
TOKEN = "BACKFILL_SERVE"
SERVICE = "BACKFILL_SERVICE"

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15


@cache
def boot() -> str:
    """The id of this boot of this machine: pids are valid within one boot only."""
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"since {psutil.boot_time():.0f}"


def identity(pid: int) -> str:
    """Identifies a process together with its pid, since pids are reused and clocks are set. Empty if it has ended."""
    started = start(pid)
    return f"{boot()} {started}" if started else ""


def start(pid: int) -> str:
    """When the process started: in kernel ticks since the boot, independent of the clock. Empty if it has ended."""
    with contextlib.suppress(OSError):
        stat = Path(f"/proc/{pid}/stat").read_text()
        return stat.rpartition(")")[2].split()[19]
    with contextlib.suppress(psutil.Error):
        return f"{psutil.Process(pid).create_time():.0f}"
    return ""


def is_still(pid: int, known_as: str) -> bool:
    """Whether the process with this pid runs and has that identity."""
    with contextlib.suppress(psutil.Error):
        return identity(pid) == known_as and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def still_its_session(pid: int, known_as: str) -> bool:
    """Whether the session with this id is still the one that the process with that identity started.

    The kernel does not reuse a pid while a session with that id exists. So it is the same session, within one boot,
    as long as the pid belongs to the old leader or to no process.
    """
    is_this_boot = str(known_as).startswith(boot())
    return is_this_boot and (is_still(pid, known_as) or not psutil.pid_exists(pid))


def session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None


def members(session: int | None, token: str, service: str | None = None) -> list[psutil.Process]:
    """The processes of a service: its session, its descendants, and its jobs in other sessions.

    A job has its own session and may have lost its parent; it is found by its environment: the
    launcher's token and the service's name (None: any service's).
    """
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        if process.pid != os.getpid() and (
            (session and session_of(process.pid) == session) or _carries(process, token, service)
        ):
            found[process.pid] = process
            with contextlib.suppress(psutil.Error):
                found.update((child.pid, child) for child in process.children(recursive=True))
    return [process for process in found.values() if _runs(process)]


def kill(session: int | None, token: str, service: str | None = None) -> int:
    """Kill all processes of a service; returns how many."""
    killed: set[int] = set()
    for _ in range(5):  # a process that was just being started is found the next time
        processes = members(session, token, service)
        if not processes:
            break
        for process in processes:
            with contextlib.suppress(psutil.Error):
                process.kill()
                killed.add(process.pid)
        psutil.wait_procs(processes, timeout=3)
    return len(killed)


def die_with_parent(name: str, parent: int) -> None:
    """This process is killed when its parent dies, and so is each that it forks, and so on (Linux).

    So a dead main process leaves no orphans that go on consuming. Elsewhere the launcher
    ends what is left of the session. Jobs are not forked but executed: they are the runner's to end.
    """
    _prctl(_PR_SET_NAME, ctypes.create_string_buffer(name.encode()[:15]))
    _die_after(parent)
    forking = [0]

    def before() -> None:
        forking[0] = os.getpid()

    os.register_at_fork(before=before, after_in_child=lambda: _die_after(forking[0]))


def _die_after(parent: int) -> None:
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before we asked
        os._exit(1)


def _prctl(option: int, argument: object) -> None:
    if _libc:
        _libc.prctl(option, argument, 0, 0, 0)


def _carries(process: psutil.Process, token: str, service: str | None) -> bool:
    try:
        environment = process.environ()
    except psutil.Error:
        return False
    return environment.get(TOKEN) == token and service in (None, environment.get(SERVICE))


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


_libc = ctypes.CDLL(None) if sys.platform == "linux" else None
