"""Calls a job, as a process group of its own or as SQL in the warehouse, with a log, a timeout and a way to stop."""

from __future__ import annotations

import datetime as dt
import os
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from apps import masking, timing
from apps.pipeline.definition import Pipeline
from apps.pipeline.sections import Job
from apps.runs.calls import processes
from apps.warehouse.base import (
    NO_LABELS,
    Busy,
    Interrupted,
    OverQuota,
    Refused,
    Unreachable,
    Warehouse,
    WarehouseError,
)

LEAST_FREE = 50_000_000  # bytes that the disk of the logs must have left


class CannotLog(Exception):
    """The output of a job cannot be logged: the disk is full or the folder is missing; the text says which."""


@dataclass(frozen=True)
class Call:
    """One call of a job for some dates, as it will be made: shown before, kept after."""

    argv: tuple[str, ...]
    cwd: Path
    added: Mapping[str, str]
    sql: Path | None = None

    @property
    def shown_argv(self) -> list[str]:
        """The command for people to read and to keep, without its secrets."""
        return list(masking.words(self.argv))

    @property
    def shown_environment(self) -> dict[str, str]:
        """What the console adds to the environment, without its secrets."""
        return masking.environment(self.added)


@dataclass(frozen=True)
class Outcome:
    """How a call ended: the job's own opinion, and whether it was ended from outside.

    `refused` is the reason of the warehouse if it would refuse the same call again; empty if trying again may help.
    """

    exit_status: int | None = None
    timed_out: bool = False
    stopped: bool = False
    error: str = ""
    refused: str = ""

    @property
    def is_clean(self) -> bool:
        """Whether the call ended by itself and without an error. Its data may still be wrong."""
        return self.exit_status == 0 and not (self.timed_out or self.stopped or self.error)


def prepare(
    pipeline: Pipeline, job: Job, dates: Sequence[dt.date], *, run: int = 0, attempt: int = 0
) -> Call:
    """The exact call for these dates. For SQL the argv names the file, for people to read."""
    filled = {
        "start": str(min(dates)),
        "end": str(max(dates)),
        "dates": ",".join(str(date) for date in sorted(dates)),
        "python": sys.executable,
    }
    added = {
        **job.env,
        "BACKFILL_RUN": str(run),
        "BACKFILL_ATTEMPT": str(attempt),
        "BACKFILL_MODE": "1",
        "SKIP_DOWNSTREAM_TRIGGER": "1",
    }
    if job.sql:
        named = ("sql", job.sql, f"start_date={filled['start']}", f"end_date={filled['end']}")
        return Call(named, pipeline.folder, {}, sql=pipeline.inside(job.sql))
    argv = tuple(re.sub(r"\{(\w+)\}", lambda match: filled[match[1]], word) for word in job.command)
    return Call(argv, pipeline.inside(job.cwd), added)


# A process ----------------------------------------------------------------------------------------


def run_process(
    call: Call,
    log: Path,
    *,
    timeout: float,
    stopped: Callable[[], bool],
    started: Callable[[int, str], None],
) -> Outcome:
    """Makes a process for the call, tells `started` its pid and identity, has it begin and waits for its end.

    The job begins only after `started` came back: where that raises, it never began. Its group ends with it: by itself,
    at the timeout, or when `stopped()` says so. CannotLog if the disk is full, or the log is another call's.
    """
    create_log(log)
    try:
        process = start(call, log)
    except (OSError, ValueError) as error:
        return Outcome(error=f"It could not be started: {error_text(error)}.")
    try:
        started(process.pid, processes.identity(process.pid))
        release(process)
        return wait(process, timeout=timeout, stopped=stopped)
    finally:
        processes.end_group(process.pid)
        close(process)
        check_disk(log)


def create_log(log: Path) -> None:
    """Creates the log of a call. CannotLog if it cannot be written, or is that of another call."""
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError), log.open("rb"):
            raise CannotLog(f"the log {log} exists already, so it is another call's")
        log.touch(exist_ok=False)
    except OSError as error:
        raise CannotLog(f"the log {log} cannot be written: {error_text(error)}") from None
    check_disk(log)


def check_disk(log: Path) -> None:
    """Checks that the output of a job can be logged. CannotLog if not."""
    try:
        with log.open("ab", buffering=0) as output:
            output.write(b"")
        free = shutil.disk_usage(log.parent).free
    except OSError as error:
        raise CannotLog(f"the log {log} cannot be written: {error_text(error)}") from None
    if free < LEAST_FREE:
        raise CannotLog(
            f"{log.parent} has {free // 1_000_000} MB left; the console needs {LEAST_FREE // 1_000_000} MB"
        )


def start(call: Call, log: Path) -> subprocess.Popen:
    """A process that becomes the job as soon as it is released."""
    environment = environment_of(call)
    masking.learn(environment)
    with log.open("ab", buffering=0) as output:
        return subprocess.Popen(
            processes.held_back(call.argv, cwd=call.cwd, env=environment),
            cwd=call.cwd,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def environment_of(call: Call) -> dict[str, str]:
    """The console's environment without its own settings, with what the pipeline file and the call add."""
    own = set(settings.CONSOLE_VARIABLES)
    return {name: value for name, value in os.environ.items() if name not in own} | dict(call.added)


def release(process: subprocess.Popen) -> None:
    """Lets a held-back process become its command; does nothing if it has ended meanwhile."""
    assert process.stdin
    with suppress(BrokenPipeError):
        process.stdin.write(b"go\n")
        process.stdin.flush()
    process.stdin.close()


def close(process: subprocess.Popen) -> None:
    """Waits for a process that ends, and closes its input."""
    process.wait()
    if process.stdin and not process.stdin.closed:
        process.stdin.close()


def error_text(error: Exception) -> str:
    return f"{error.strerror}: {error.filename}" if isinstance(error, OSError) else str(error)


def wait(process: subprocess.Popen, *, timeout: float, stopped: Callable[[], bool]) -> Outcome:
    deadline = time.monotonic() + timeout
    while not ended(process, within=min(timing.STOP_READ_EVERY, max(deadline - time.monotonic(), 0))):
        if stopped():
            return Outcome(stopped=True)
        if time.monotonic() >= deadline:
            return Outcome(timed_out=True)
    return Outcome(exit_status=process.returncode)


def ended(process: subprocess.Popen, *, within: float) -> bool:
    """Whether the process ended within that many seconds, known at the moment it does."""
    # Popen.wait() looks every 50 ms, which short jobs would feel; the kernel tells at once.
    try:
        handle = os.pidfd_open(process.pid)
    except (AttributeError, OSError):
        with suppress(subprocess.TimeoutExpired):
            process.wait(within)
        return process.poll() is not None
    try:
        waiting = select.poll()
        waiting.register(handle, select.POLLIN)
        waiting.poll(within * 1000)
    finally:
        os.close(handle)
    return process.poll() is not None


# SQL ----------------------------------------------------------------------------------------------


def run_sql(
    call: Call,
    log: Path,
    *,
    warehouse: Warehouse,
    start: dt.date,
    end: dt.date,
    timeout: float,
    stopped: Callable[[], bool],
    job_id: str = "",
    labels: Mapping[str, str] = NO_LABELS,
) -> Outcome:
    """Runs the file's script in the warehouse, which is logged like the output of a job.

    A WarehouseError if it is away, busy or over its quota: then the script decided nothing.
    """
    assert call.sql
    create_log(log)
    with log.open("a", encoding="utf-8") as output:
        print(f"{now()} INFO {' '.join(call.argv)}", file=output, flush=True)
        try:
            script = call.sql.read_text(encoding="utf-8")
            done = warehouse.run_sql(
                script, start=start, end=end, timeout=timeout, stopped=stopped, job_id=job_id, labels=labels
            )
        except Interrupted:
            print(f"{now()} WARNING ended from outside", file=output)
            wanted = stopped()
            return Outcome(timed_out=not wanted, stopped=wanted)
        except (Busy, OverQuota, Unreachable) as error:
            print(f"{now()} WARNING {error}", file=output)
            raise
        except (WarehouseError, OSError, UnicodeDecodeError) as error:
            print(f"{now()} ERROR {error}", file=output)
            reason = error.reason if isinstance(error, Refused) else ""
            return Outcome(exit_status=1, error=str(error), refused=reason)
        print(f"{now()} INFO {done} statements", file=output)
        return Outcome(exit_status=0)


def now() -> str:
    return f"{dt.datetime.now():%Y-%m-%d %H:%M:%S}"


# The jobs' code ---------------------------------------------------------------------------------------


def commit_of(folder: Path) -> dict[str, Any]:
    """The git commit of the jobs' folder, and whether files there differ from it; nothing if there is none."""
    head = git(folder, "rev-parse", "HEAD")
    if not head:
        return {}
    return {"commit": head, "commit_dirty": bool(git(folder, "status", "--porcelain", "--", "."))}


def git(folder: Path, *words: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
