"""Rounds of chaos, each with a database of its own in which the run is launched already."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.chaos.grounds import FIRST, GROUNDS, LAST, Ground
from tests.chaos.round import Round
from tests.workers.conftest import journal, migrated
from tests.workers.database import Database, database_of
from tests.workers.served import Served, manage

__all__ = ["journal", "migrated"]


@pytest.fixture(scope="session")
def launched(
    migrated: Database, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Database]]:
    """For each ground a database with the run, to be copied; made when the first round wants it."""
    made: dict[str, Database] = {}

    def of(ground: Ground) -> Database:
        if ground.name not in made:
            made[ground.name] = launch(ground, tmp_path_factory.mktemp(ground.name), migrated)
        return made[ground.name]

    yield of
    for database in made.values():
        database.drop()


def launch(ground: Ground, folder: Path, migrated: Database) -> Database:
    database = database_of(folder)
    database.create(template=migrated)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ground.make(folder).items():
            patch.setenv(name, value)
        dates = ("--start", str(FIRST), "--end", str(LAST))
        for words in (("scan",), ("backfill", *dates, "--yes")):
            done = manage(folder, *words)
            assert done.returncode == 0, done.stderr
    return database


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    database_of(tmp_path).drop()


@pytest.fixture
def chaos(
    folder: Path, journal, launched, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[int], Round]]:
    """A round by its seed: the machines serve, and the run is under way as soon as they do."""
    rounds: list[Round] = []

    def begin(seed: int) -> Round:
        ground = GROUNDS[seed % len(GROUNDS)]
        database = database_of(folder)
        database.create(template=launched(ground))
        database.ask("UPDATE runs_run SET lanes = ?", ground.lanes)
        token = uuid.uuid4().hex
        for name, value in {**ground.make(folder), "TEST_HURRY": "1", "CHAOS": token}.items():
            monkeypatch.setenv(name, value)
        machines = [machine(folder, number, workers) for number, workers in enumerate(ground.machines)]
        rounds.append(Round(seed, ground, folder, machines, token))
        return rounds[-1]

    yield begin
    for each in rounds:
        for process in each.left():
            process.kill()


def machine(folder: Path, number: int, workers: int) -> Served:
    apart = folder / f"machine-{number}"
    apart.mkdir()
    served = Served(folder, "--only", "runs", "--runs-workers", str(workers), clusters=("runs",), apart=apart)
    served.name = f"{folder.name}-{number}"
    served.start()
    return served
