"""Job processes: identified by boot and start time, ended with everything that they started."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from apps import timing
from apps.workers.processes import boot, identity


def held_back(argv: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> list[str]:
    """The command behind a shell that waits for a line on its input, and ends without it.

    So a process is known before it does anything, and never begins once its worker has died. On Linux the kernel ends
    it with its worker later too (by util-linux's setpriv). FileNotFoundError or PermissionError if there is no such
    command.
    """
    command = argv[0] if os.sep not in argv[0] else str(cwd / argv[0])
    if not shutil.which(command, path=env.get("PATH")):
        problem = errno.EACCES if Path(command).is_file() else errno.ENOENT
        raise OSError(problem, os.strerror(problem), argv[0])
    setpriv = shutil.which("setpriv")
    dying_with_us = [setpriv, "--pdeathsig", "TERM", "--"] if setpriv else []
    return [*dying_with_us, "/bin/sh", "-c", 'read -r go && exec "$@" </dev/null', "sh", *argv]


def is_at_work_in(folder: Path, pid: int, *, program: str) -> bool:
    """Whether the process of that number performs the program in the folder."""
    try:
        process = psutil.Process(pid)
        return program in " ".join(process.cmdline()) and process.cwd() == str(folder)
    except psutil.Error:
        return False


# How it ends --------------------------------------------------------------------------------------


def end_orphan(pid: int | None, known_as: str, *, log: Path | None = None) -> bool:
    """Ends the group of a process that outlived its worker, if it still is that process or what it left behind.

    One whose worker died before it could say who the process is, is known by the log that it writes.
    """
    if not pid:
        return end_writers(log) if log else False
    if not known_as or not known_as.startswith(boot()):
        return False
    now = identity(pid)
    if (now and now != known_as) or not group_members(pid):
        return False
    end_group(pid)
    return True


def end_writers(log: Path) -> bool:
    """Ends the groups of those whose output goes to this file (on Linux)."""
    groups = set()
    for output in Path("/proc").glob("[0-9]*/fd/1"):
        with suppress(OSError):
            if output.readlink() == log.resolve():
                groups.add(os.getpgid(int(output.parts[2])))
    for group in groups:
        end_group(group)
    return bool(groups)


def end_group(pid: int) -> None:
    """Ends the process group: TERM, then KILL after the grace time."""
    if not signal_group(pid, signal.SIGTERM):
        return
    deadline = time.monotonic() + timing.JOB_GRACE
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
