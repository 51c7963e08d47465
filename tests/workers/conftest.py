import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.database import migrated as migrated_file
from tests.shelf import make

from .database import Database, Sqlite, database_of
from .served import ROOT, Served, manage, wait_until


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A database with the tables, to be copied."""
    if file := migrated_file():
        yield Sqlite(file)
        return
    folder = tmp_path_factory.mktemp("migrated")
    database = database_of(folder)
    database.create()
    done = manage(folder, "migrate", "-v0")
    assert done.returncode == 0, done.stderr
    yield database
    database.drop()


@pytest.fixture
def folder(migrated: Database, tmp_path: Path) -> Iterator[Path]:
    """A VAR_DIR whose database has the tables."""
    database = database_of(tmp_path)
    database.create(template=migrated)
    yield tmp_path
    database.drop()


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases of seconds, for every process that is started from now on."""
    monkeypatch.setenv("TEST_HURRY", "1")


@pytest.fixture
def times(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, float]], None]:
    """Shorter times for every process that is started from now on."""
    return lambda seconds: monkeypatch.setenv("TEST_TIMES", json.dumps(seconds))


@pytest.fixture
def brisk(times: Callable[[dict[str, float]], None]) -> None:
    """A launcher that loses patience after seconds, but not because the machine is busy."""
    times(
        {
            "LAUNCHER_GRACE": 6,
            "LAUNCHER_CHECKS_EVERY": 1,
            "PING_EVERY": 3,
            "PING_TIMEOUT": 8,
            "JOB_GRACE": 2,
        }
    )


@pytest.fixture
def serve(folder: Path) -> Iterator[Callable[..., Served]]:
    """Starts `manage.py serve` with these arguments and waits until its clusters are complete."""
    every: list[Served] = []

    def start(*arguments: str, **options: object) -> Served:
        served = Served(folder, *arguments, **options)
        every.append(served)
        served.start()
        wait_until(
            lambda: all(served.is_complete(name) for name in served.clusters),
            f"its clusters are complete:\n{served.says}",
        )
        return served

    yield start
    for served in every:
        if served.process.is_running():
            served.stop()
        for process in served.left():
            process.kill()


@pytest.fixture
def journal(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[dict]]:
    """What the jobs say of who wrote what when (tests/pipelines/jobs/journal.py)."""
    path = folder / "journal"
    path.touch()
    monkeypatch.setenv("JOURNAL", str(path))
    return lambda: [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def shelf(folder: Path, journal: object, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A warehouse of many writers, empty, for every process that is started from now on."""
    place = folder / "shelf"
    for table in ("shop.orders", "shop.sales", "shop.trend"):
        make(place, table, '"day" DATE', '"item" BIGINT')
    monkeypatch.setenv("TEST_SHELF", str(place))
    monkeypatch.setenv("TEST_PIPELINE", str(ROOT / "tests/pipelines/shelf.toml"))
    return place
