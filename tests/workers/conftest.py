from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .served import Served, manage, wait_until


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with the tables, to be copied."""
    folder = tmp_path_factory.mktemp("migrated")
    done = manage(folder, "migrate", "-v0")
    assert done.returncode == 0, done.stderr
    return folder / "console.sqlite3"


@pytest.fixture
def folder(migrated: Path, tmp_path: Path) -> Path:
    shutil.copy(migrated, tmp_path / "console.sqlite3")
    return tmp_path


@pytest.fixture
def serve(folder: Path) -> Iterator[Callable[..., Served]]:
    """Starts `manage.py serve` with these arguments and waits until its clusters are complete."""
    every: list[Served] = []

    def start(*arguments: str) -> Served:
        served = Served(folder, *arguments)
        every.append(served)
        served.start()
        wait_until(
            lambda: served.is_complete("main") and served.is_complete("runs"),
            f"both clusters are complete:\n{served.says}",
        )
        return served

    yield start
    for served in every:
        if served.process.is_running():
            served.stop()
        for process in served.left():
            process.kill()
