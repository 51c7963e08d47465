"""bqemulator, a process of its own from a venv of its own: an independent opinion on how BigQuery behaves."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[3]
PYTHON = ROOT / "var" / "bqemulator" / "bin" / "python"
LONGEST_START = 60.0


class NotInstalled(Exception):
    """Its venv could not be made; the text says why."""


@contextmanager
def running(log: Path) -> Iterator[str]:
    """Its address, once it answers."""
    install()
    port = free_port()
    with log.open("w") as output:
        start = [PYTHON, ROOT / "tests/standins/bqemulator/start.py", str(port)]
        process = subprocess.Popen(start, stdout=output, stderr=output)
    try:
        wait_for(f"http://127.0.0.1:{port}/healthz", process, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def install() -> None:
    done = subprocess.run([ROOT / "bin" / "emulator"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotInstalled(f"bqemulator could not be installed: {done.stderr.strip().splitlines()[-1:]}")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + LONGEST_START
    while True:
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except (OSError, urllib.error.URLError):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"bqemulator did not come up:\n{log.read_text()[-2000:]}") from None
            time.sleep(0.1)
