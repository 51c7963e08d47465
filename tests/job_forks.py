"""Starts Python jobs as forks of a process that has imported what they use, which takes a tenth of a new interpreter.

A forked job is a process as any other: it has its own session and pid, is held back until it is let go, and can be
killed. What depends on how the console itself makes a process is tested with the mark `real_process`.
"""

from __future__ import annotations

import ast
import ctypes
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import traceback
import types
from contextlib import suppress
from pathlib import Path
from typing import Any

import _duckdb
import duckdb

from tests import duck

ROOT = Path(__file__).resolve().parents[1]
PR_SET_PDEATHSIG = 1
LARGEST_REQUEST = 1 << 20  # bytes


class ForkServer:
    """The process that forks, as its client sees it."""

    def __init__(self) -> None:
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, "-m", "tests.job_forks", str(theirs.fileno())]
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )

    def start(self, argv: list[str], *, cwd: Path, env: dict[str, str], log: int) -> Forked:
        """A process that performs `python argv` once it reads a line; its output goes to the file number `log`."""
        request = json.dumps({"argv": argv, "cwd": str(cwd), "env": env}).encode()
        stdin, let_go = os.pipe()
        status, tell_status = os.pipe()
        try:
            socket.send_fds(self.control, [request], [stdin, log, tell_status])
        finally:
            os.close(stdin)
            os.close(tell_status)
        return Forked(let_go, status)

    def stop(self) -> None:
        self.control.close()
        self.process.wait()


class Forked:
    """What `subprocess.Popen` would be of a forked process, as far as the console asks it."""

    def __init__(self, let_go: int, status: int) -> None:
        self.stdin = os.fdopen(let_go, "wb")
        self.status = os.fdopen(status, "rb", buffering=0)
        self.returncode: int | None = None
        self.pid = int(self.status.readline())

    def poll(self) -> int | None:
        return self.wait_for(0)

    def wait(self, timeout: float | None = None) -> int:
        if self.wait_for(timeout) is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        assert self.returncode is not None
        return self.returncode

    def wait_for(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self.status], [], [], timeout)[0]:
            self.returncode = int(self.status.readline() or -signal.SIGKILL)
            self.status.close()
        return self.returncode


# In the server ------------------------------------------------------------------------------------


def serve(control: socket.socket) -> None:
    """Forks for each request, and tells each requester its process's pid and how it ended, until nobody asks."""
    duck.host()
    wake, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(woken)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    children: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([control, wake], [], [])
        if wake in ready:
            os.read(wake, 1000)
            report_ended(children)
        if control in ready:
            request, files, _, _ = socket.recv_fds(control, LARGEST_REQUEST, 3)
            if not request:
                return
            wanted = json.loads(request)
            prepare(Path(wanted["cwd"], wanted["argv"][0]))
            fork(wanted, files, children)


def prepare(script: Path) -> None:
    """Imports what the script will, but for what lies beside it."""
    for node in ast.walk(ast.parse(script.read_bytes())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module]
        for name in names:
            if (
                name not in sys.modules
                and not script.with_name(name.partition(".")[0]).with_suffix(".py").exists()
            ):
                with suppress(ImportError):
                    importlib.import_module(name)


def fork(request: dict[str, Any], files: list[int], children: dict[int, int]) -> None:
    stdin, log, status = files
    pid = os.fork()
    if pid == 0:
        perform(request, stdin, log, status)
    children[pid] = status
    os.close(stdin)
    os.close(log)


def report_ended(children: dict[int, int]) -> None:
    while children:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        requester = children.pop(pid)
        with suppress(BrokenPipeError):  # whoever asked for it has ended
            os.write(requester, b"%d\n" % os.waitstatus_to_exitcode(status))
        os.close(requester)


# In the fork --------------------------------------------------------------------------------------


def perform(request: dict[str, Any], stdin: int, log: int, announce: int) -> None:
    """Becomes the job; does not come back. It says its pid once it has a session of its own, which can be ended."""
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.dup2(stdin, 0)
        os.write(announce, b"%d\n" % os.getpid())
        os.closerange(3, 256)
        if os.read(0, 100):
            with open(os.devnull) as nothing:
                os.dup2(nothing.fileno(), 0)
            status = run(request)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def run(request: dict[str, Any]) -> int:
    """The exit status of the script, as the interpreter would give it."""
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.argv = request["argv"]
    script = os.path.abspath(sys.argv[0])
    sys.path[:1] = [
        os.path.dirname(script),
        *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)),
    ]
    duckdb.connect = _duckdb.connect = duck.connect
    module = types.ModuleType("__main__")
    module.__file__ = script
    sys.modules["__main__"] = module
    try:
        exec(compile(Path(script).read_bytes(), script, "exec"), module.__dict__)
    except SystemExit as end:
        if isinstance(end.code, int | None):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
