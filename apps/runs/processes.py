"""Processes that jobs are: known again by boot and start, ended with everything that they started."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

import psutil

GRACE = 10.0  # seconds between asking a process group to end and ending it


def dying_with_us(argv: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> list[str]:
    """The same command, which the kernel ends when the worker that calls it dies (on Linux, by util-linux's setpriv).

    A command that does not exist stays as it is, for the clear error when it is started.
    """
    setpriv = shutil.which("setpriv")
    command = argv[0] if os.sep not in argv[0] else str(cwd / argv[0])
    if not setpriv or not shutil.which(command, path=env.get("PATH")):
        return list(argv)
    return [setpriv, "--pdeathsig", "TERM", "--", *argv]


# Who a process is ---------------------------------------------------------------------------------


@cache
def boot() -> str:
    """Names this boot of this machine: pids mean nothing beyond it."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"since {psutil.boot_time():.0f}"


def identity(pid: int) -> str:
    """With its pid this names a process for good: pids come back, and clocks are set. Empty where it is gone."""
    started = start(pid)
    return f"{boot()} {started}" if started else ""


def start(pid: int) -> str:
    """When the process began: in the kernel's ticks since the boot, which no change of the clock moves."""
    with suppress(OSError):
        stat = Path(f"/proc/{pid}/stat").read_text()
        return stat.rpartition(")")[2].split()[19]
    with suppress(psutil.Error):
        return f"{psutil.Process(pid).create_time():.0f}"
    return ""


# How it ends --------------------------------------------------------------------------------------


def end_orphan(pid: int | None, known_as: str) -> bool:
    """Ends the group of a process that outlived its worker, if it still is that process or what it left behind."""
    if not pid or not known_as or not known_as.startswith(boot()):
        return False
    now = identity(pid)
    if (now and now != known_as) or not group_members(pid):
        return False
    end_group(pid)
    return True


def end_group(pid: int) -> None:
    """Ends whatever lives in the process group: asks, waits for the grace, then makes it."""
    if not signal_group(pid, signal.SIGTERM):
        return
    deadline = time.monotonic() + GRACE
    while time.monotonic() < deadline:
        if not group_members(pid):
            return
        time.sleep(0.02)
    signal_group(pid, signal.SIGKILL)


def signal_group(pid: int, number: int) -> bool:
    """Whether there was a group to signal."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def group_members(pid: int) -> list[psutil.Process]:
    """The living processes of a group; those that ended and wait to be collected do not count."""
    members = []
    for process in psutil.process_iter(["status"]):
        with suppress(psutil.Error, ProcessLookupError):
            if process.info["status"] != psutil.STATUS_ZOMBIE and os.getpgid(process.pid) == pid:
                members.append(process)
    return members
