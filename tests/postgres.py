"""A private PostgreSQL for the tests: `python -m tests.postgres COMMAND` runs a command whose DATABASE_URL is one."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

DEBIAN = Path("/usr/lib/postgresql")
HOW_TO_GET_IT = "PostgreSQL was not found. On Debian: sudo apt-get install postgresql-15"
PATIENCE = 60.0
# The database of a test lives for minutes: nothing of it has to survive a power failure.
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Server:
    """A PostgreSQL that listens on this port of the loopback address, and what its superuser has to say."""

    folder: Path
    port: int
    password: str

    def url(self, database: str = "postgres") -> str:
        return f"postgres://postgres:{self.password}@127.0.0.1:{self.port}/{database}"

    def answers(self) -> bool:
        try:
            psycopg.connect(self.url(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


def find_programs() -> Path | None:
    """The folder of `initdb` and `postgres`: version 15 of Debian's packages, else their newest, else PATH's."""
    folders = sorted(DEBIAN.glob("*/bin"), key=lambda folder: (version_of(folder) == 15, version_of(folder)))
    on_path = shutil.which("postgres")
    candidates = [*reversed(folders), *([Path(on_path).resolve().parent] if on_path else [])]
    return next((folder for folder in candidates if (folder / "initdb").exists()), None)


def version_of(folder: Path) -> int:
    number = re.match(r"\d+", folder.parent.name)
    return int(number[0]) if number else 0


@contextlib.contextmanager
def server(programs: Path) -> Iterator[Server]:
    """Starts one in a temporary folder; it ends, and the folder goes, when the block is left or this process dies."""
    with tempfile.TemporaryDirectory(prefix="console-postgres-", ignore_cleanup_errors=True) as name:
        started = Server(Path(name), port=free_port(), password=secrets.token_urlsafe())
        initialise(programs, started)
        process = start(programs, started)
        try:
            wait_for(started, process)
            yield started
        finally:
            stop(process)


def initialise(programs: Path, server: Server) -> None:
    words = server.folder / "password"
    words.write_text(server.password)
    if user := other_user():
        shutil.chown(server.folder, user)
        shutil.chown(words, user)
    who = ["--username", "postgres", "--pwfile", words, "--auth", "scram-sha-256"]
    how = ["--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"]
    subprocess.run(
        [programs / "initdb", "--pgdata", server.folder / "data", *who, *how],
        user=user,
        cwd=server.folder,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def start(programs: Path, server: Server) -> subprocess.Popen[bytes]:
    options = [
        f"port={server.port}",
        "listen_addresses=127.0.0.1",
        f"unix_socket_directories={server.folder}",
    ]
    with (server.folder / "log").open("wb") as log:
        return subprocess.Popen(
            [programs / "postgres", "-D", server.folder / "data"]
            + [word for option in (*options, *FAST, "timezone=UTC") for word in ("-c", option)],
            user=other_user(), cwd=server.folder, stdout=log, stderr=log,
            start_new_session=True, preexec_fn=end_with_parent,
        )  # fmt: skip


def other_user() -> str | None:
    """PostgreSQL refuses to run as root; Debian's package has made a user for it."""
    return "postgres" if os.getuid() == 0 else None


def end_with_parent() -> None:
    """Should this process be killed, the server hears SIGQUIT and ends at once (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT, 0, 0, 0)


def wait_for(server: Server, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not server.answers():
        if process.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"PostgreSQL did not start:\n{(server.folder / 'log').read_text()}")
        time.sleep(0.1)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Fast, without waiting for those who are connected; then at once."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGQUIT)
        process.wait()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def main(command: list[str]) -> int:
    """Without a command: only whether there is a PostgreSQL."""
    programs = find_programs()
    if programs is None:
        print(HOW_TO_GET_IT)
        return 1
    if not command:
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with server(programs) as started:
        return subprocess.run(command, env={**os.environ, "DATABASE_URL": started.url()}).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
