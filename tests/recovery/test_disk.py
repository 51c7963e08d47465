"""A disk that is full: a real one, of 70 MB in memory, on which somebody else writes until there is no room."""

import contextlib
import os
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.recovery.console import Running, kill
from tests.workers.database import Sqlite, database_of
from tests.workers.served import wait_until

SIZE = 70_000_000

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(os.getuid() != 0, reason="only root may mount a disk"),
]


@contextlib.contextmanager
def small_disk(place: Path) -> Iterator[Path]:
    """A file system of its own at this place; skips where this machine allows none."""
    place.mkdir(parents=True, exist_ok=True)
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", place], capture_output=True)
    if made.returncode:
        pytest.skip(f"no disk could be mounted: {made.stderr.decode()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def fill(disk: Path) -> Path:
    """Somebody else's file, which takes all the room that is left; to be deleted."""
    others = disk / "somebody else's"
    with others.open("wb", buffering=0) as output, contextlib.suppress(OSError):
        while output.write(bytes(100_000)):
            pass
    return others


def short_waits(times: Callable[[dict[str, float]], None]) -> None:
    times({"SHORTEST_PAUSE": 2, "LAUNCHER_TICKS_EVERY": 1})


def test_full_log_disk_pauses_the_run_with_a_reason_until_space_is_free(begin, times, folder):
    with small_disk(folder / "logs") as disk:
        short_waits(times)
        run = begin(sixth=5)

        others = fill(disk)
        wait_until(lambda: run.state[:2] == ("paused", "disk"), "the run waits")
        assert "What the job says cannot be kept" in run.state[2]
        assert "MB left; the console needs 50 MB" in run.state[2]
        others.unlink()

        run.succeeds()
        assert run.is_whole()
        run.served.stop()


@pytest.mark.long
class TestEverythingOnOneDisk:
    """Logs, database and the launcher's own files: nobody can write down that there is no room."""

    @pytest.fixture
    def folder(self, migrated, tmp_path: Path) -> Iterator[Path]:
        with small_disk(tmp_path / "var") as disk:
            database = database_of(disk)
            if not isinstance(database, Sqlite):
                pytest.skip("this database is elsewhere")
            database.create(template=migrated)
            yield disk

    def test_run_resumes_when_disk_space_is_free_again(self, folder: Path, begin, times):
        short_waits(times)
        run: Running = begin(sixth=5)
        job = run.job()

        others = fill(folder)
        kill([run.served.main("web")])
        wait_until(lambda: not job.is_running(), "the job has ended")
        wait_until(lambda: answers(run), "the web is back although nothing can be written")
        others.unlink()

        run.succeeds()
        assert run.is_whole()
        assert run.served.process.is_running()


def answers(run: Running) -> bool:
    with contextlib.suppress(OSError):
        address = f"http://127.0.0.1:{run.served.port}/account/login/"
        return urllib.request.urlopen(address, timeout=30).status == 200
    return False
