"""Memory of everything that `manage.py serve` starts, with the demo's data: `python -m benchmarks.memory`.

Proportional set size: memory that processes share is divided among them, so the sum is the memory used.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress

import psutil

from benchmarks import demo


def main() -> None:
    env = demo.environment()
    demo.build(env)
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "manage.py", "serve", "--port", str(port)],
        cwd=demo.ROOT,
        env=env,
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: answers(port))
        time.sleep(15)  # the workers have finished their imports
        report("idle", server.pid, verbose=True)
        demo.python(env, "manage.py", *demo.TEST_RUN)
        print(f"during the test run, at most: {peak(server.pid, seconds=25):.0f} MB")
        report("afterwards", server.pid, verbose=True)
    finally:
        server.terminate()
        server.wait(30)


def family(pid: int) -> list[psutil.Process]:
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def megabytes(process: psutil.Process) -> float:
    with suppress(psutil.Error):
        return process.memory_full_info().pss / 1e6
    return 0.0


def report(when: str, pid: int, *, verbose: bool = False) -> None:
    sizes = [(megabytes(process), process.pid) for process in family(pid)]
    print(f"{when}: {sum(size for size, _ in sizes):.0f} MB in {len(sizes)} processes")
    if verbose:
        print("   " + ", ".join(f"{size:.0f}" for size, _ in sorted(sizes, reverse=True)))


def peak(pid: int, *, seconds: float) -> float:
    most, until = 0.0, time.monotonic() + seconds
    while time.monotonic() < until:
        most = max(most, sum(megabytes(process) for process in family(pid)))
        time.sleep(0.1)
    return most


def answers(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/account/login/", timeout=2).close()
    except (OSError, urllib.error.URLError):
        return False
    return True


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the server did not come up")
        time.sleep(0.2)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


if __name__ == "__main__":
    main()
