"""A real browser, and the whole demo: its warehouse, its people, its web server and its workers."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from benchmarks import demo
from benchmarks.memory import answers, free_port, wait_until

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if not CHROMIUM:
        pytest.skip(
            "Chromium is not here; on Debian: apt-get install chromium, else set CHROMIUM to its path"
        )
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # playwright's loop runs in this thread, beside the ORM
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@dataclass
class Console:
    """The demo as `make demo` leaves it, served for real."""

    url: str
    env: dict[str, str]
    server: psutil.Popen

    @property
    def folder(self) -> Path:
        return Path(self.env["VAR_DIR"])

    def shell(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command in a second terminal."""
        return subprocess.run(
            [sys.executable, "manage.py", *words], cwd=demo.ROOT, env=self.env, capture_output=True, text=True
        )


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> dict[str, str]:
    """The environment of a demo to be copied. Of test processes that run in parallel, the first one builds it."""
    own = tmp_path_factory.getbasetemp()
    folder = (own if worker_id == "master" else own.parent) / "demo"
    folder.mkdir(exist_ok=True)
    env, done = demo.environment(folder), folder.with_suffix(".done")
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            demo.build(env)
            done.touch()
    return env


@pytest.fixture(scope="module")
def console(built: dict[str, str]) -> Iterator[Console]:
    """The demo before anybody launched anything."""
    with served(built) as console:
        yield console


@contextmanager
def served(built: dict[str, str], first: Sequence[str] = ()) -> Iterator[Console]:
    """A copy of the demo, with a first command that waits for its workers. No process is left when it stops."""
    env, port = demo.copied(built), free_port()
    env["BASE_URL"] = f"http://localhost:{port}"
    if first:
        demo.python(env, "manage.py", *first)
    words = [sys.executable, "manage.py", "serve", "--port", str(port)]
    server = psutil.Popen(words, cwd=demo.ROOT, env=env)
    try:
        wait_until(lambda: answers(port), seconds=60)
        yield Console(env["BASE_URL"], env, server)
        family = server.children(recursive=True)
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(30)
    assert [process for process in family if process.is_running()] == []
    shutil.rmtree(env["VAR_DIR"])


def is_complaint(said: ConsoleMessage) -> bool:
    """What the browser calls an error; but a launch that is refused is answered with 409 on purpose."""
    return said.type == "error" and "status of 409 (Conflict)" not in said.text


@pytest.fixture(scope="module")
def visit(chromium: Browser, console: Console) -> Iterator[Callable[..., Page]]:
    """Logs somebody in, in a browser window of their own. What the browser complains of fails the journey."""
    complaints: list[str] = []

    def log_in(name: str = "operator", *, width: int = 1440, theme: str = "light") -> Page:
        window = chromium.new_context(
            viewport={"width": width, "height": 900 if width > 500 else 844}, color_scheme=theme
        )
        page = window.new_page()
        page.on("console", lambda said: complaints.append(said.text) if is_complaint(said) else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(console.url)
        page.get_by_label("Name").fill(name)
        page.get_by_label("Password").fill("demo")
        page.get_by_role("button", name="Log in").click()
        return page

    yield log_in
    assert complaints == []
