"""Several worker processes on one run, on a warehouse that takes many writers."""

from collections import Counter
from pathlib import Path

import pytest

from tests.shelf import rows_a_date

from .served import Served, manage, wait_until

pytestmark = [pytest.mark.processes, pytest.mark.postgresql]

STEPS = 300


@pytest.fixture
def run(shelf: Path, folder: Path, serve) -> Served:
    """A run of 300 steps with three lanes, which three workers have finished."""
    for words in (("scan",), ("backfill", "--table", "orders", "--yes")):
        done = manage(folder, *words)
        assert done.returncode == 0, done.stderr
    served = serve("--only", "runs", "--runs-workers", "3", clusters=("runs",))
    served.ask("UPDATE runs_run SET lanes = 3")
    wait_until(lambda: served.ask("SELECT status FROM runs_run") == [("succeeded",)], "the run succeeds")
    return served


def test_three_workers_share_a_run_and_attempt_each_step_once(run, shelf, journal):
    writes = [entry for entry in journal() if entry["what"] == "start"]

    assert len({entry["worker"] for entry in writes}) == 3
    assert Counter(entry["date"] for entry in writes) == dict.fromkeys(rows_a_date(shelf, "shop.orders"), 1)
    assert run.ask("SELECT status, attempts, count(*) FROM runs_step GROUP BY 1, 2") == [
        ("succeeded", 1, STEPS)
    ]
    assert not [entry for entry in journal() if entry["what"] == "overlap"]
