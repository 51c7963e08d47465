"""A warehouse that is away for a while: the run waits, longer each time, and goes on by itself."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import duck
from tests.workers.served import wait_until

pytestmark = pytest.mark.processes


@pytest.fixture
def place(shop: Path) -> Path:
    """The folder that holds the warehouse's file: where it is away, nothing can make a new file of that name."""
    return shop.parent / "place"


@pytest.fixture
def begin_there(begin, place: Path, shop: Path, monkeypatch) -> Callable:
    def start(**options: float):
        place.mkdir()
        shop.rename(place / shop.name)
        monkeypatch.setenv("SHOP_WAREHOUSE", str(place / shop.name))
        return begin(**options)

    return start


def rows(file: Path) -> int:
    with duck.opened(file) as warehouse:
        return warehouse.execute("SELECT count(*) FROM daily.sales").fetchall()[0][0]


def test_no_step_fails_while_the_warehouse_is_unreachable(begin_there, times, place: Path, shop: Path):
    times(
        {
            "SHORTEST_PAUSE": 1,
            "WAREHOUSE_RETRY_FOR": 1,
            "LAUNCHER_TICKS_EVERY": 0.5,
        }
    )
    run = begin_there(sixth=2)
    away = place.rename(place.with_name("away"))

    wait_until(lambda: waits(run) >= 3, "it has waited three times")
    assert run.state[1] == "warehouse" or run.state[0] != "paused"
    assert [text for text in run.timeline() if "The warehouse did not answer" in text]
    assert run.steps("failed") == 0
    assert pauses(run) == sorted(pauses(run))
    away.rename(place)

    run.succeeds()
    assert run.is_whole()
    assert rows(place / shop.name) == 19 * 8
    told = run.ask("SELECT count(*) FROM alerts_message WHERE subject LIKE '%did not answer%'")
    assert told == [(1,)]


def waits(run) -> int:
    return next(iter(run.ask("SELECT waits FROM runs_run")), (0,))[0]


def pauses(run) -> list[float]:
    """Seconds between the moment at which the run paused and the one at which it went on, each time."""
    found, rested = [], None
    for kind, at in run.ask("SELECT kind, at FROM runs_event ORDER BY id"):
        moment = at if isinstance(at, dt.datetime) else dt.datetime.fromisoformat(at)
        if kind == "paused":
            rested = moment
        elif kind == "queued" and rested:
            found.append(round((moment - rested).total_seconds()))
            rested = None
    return found
