"""A clock that is set, forwards or back, by an hour: nothing is done twice, and nothing waits for that hour."""

from pathlib import Path

import pytest

from tests.workers.served import wait_until

pytestmark = pytest.mark.processes

HOUR = 3600


@pytest.fixture
def clock(tmp_path: Path, monkeypatch) -> Path:
    """The file that says by how many seconds the clock of all processes was set."""
    path = tmp_path / "clock"
    path.write_text("0")
    monkeypatch.setenv("TEST_CLOCK", str(path))
    return path


def set_clock(clock: Path, seconds: int) -> None:
    draft = clock.with_suffix(".new")
    draft.write_text(str(seconds))
    draft.replace(clock)


@pytest.mark.parametrize("seconds", [pytest.param(HOUR, marks=pytest.mark.long), -HOUR])
def test_run_succeeds_if_the_clock_is_set_during_an_attempt(begin, hurried, clock: Path, ask, seconds):
    run = begin(sixth=4)

    set_clock(clock, seconds)

    run.succeeds()
    assert run.is_whole()


@pytest.mark.parametrize("seconds", [pytest.param(HOUR, marks=pytest.mark.long), -HOUR])
def test_run_succeeds_if_the_clock_is_set_while_it_is_paused(
    begin, hurried, times, clock: Path, shop: Path, seconds
):
    times({"WAREHOUSE_RETRY_FOR": 0.5, "SHORTEST_PAUSE": 3})
    run = begin(sixth=1)
    away = shop.rename(shop.with_suffix(".away"))
    shop.mkdir()  # so that the job cannot make a new file there
    wait_until(lambda: run.state[:2] == ("paused", "warehouse"), "the run pauses")

    set_clock(clock, seconds)
    shop.rmdir()
    away.rename(shop)

    run.succeeds()
    assert run.is_whole()


@pytest.mark.long
def test_scheduled_deliveries_continue_at_once_after_the_clock_is_set_back(serve, hurried, clock: Path):
    served = serve("--only", "main", clusters=("main",))
    performed = "SELECT count(*) FROM django_q_task WHERE func = 'apps.alerts.tasks.deliver'"
    wait_until(lambda: served.ask(performed)[0][0], "the first delivery")
    before = served.ask(performed)[0][0]

    set_clock(clock, -HOUR)

    wait_until(lambda: served.ask(performed)[0][0] > before, "another delivery")
    served.performs("main")
