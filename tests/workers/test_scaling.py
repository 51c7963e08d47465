"""Several launchers, as on several machines, share one database."""

from pathlib import Path

import pytest

from .database import database_of
from .served import Served, manage, wait_until

pytestmark = [pytest.mark.processes, pytest.mark.usefixtures("brisk")]


@pytest.fixture
def second(serve, folder: Path):
    """Another machine: only runs, two at a time."""
    (folder / "beta").mkdir()
    only_runs = ("--only", "runs", "--runs-workers", "2")
    return lambda: serve(*only_runs, clusters=("runs",), apart=folder / "beta")


def names(served: Served, cluster: str) -> list[tuple]:
    alive = "SELECT launcher FROM workers_worker WHERE cluster = ? AND stopped_at IS NULL ORDER BY launcher"
    return served.ask(alive, cluster)


def test_a_machine_can_offer_workers_for_runs_and_nothing_else(second):
    served = second()

    assert len(served.workers("runs")) == 2
    assert served.started("main") == served.started("web") == []
    served.performs("runs")


@pytest.mark.long
def test_two_workers_perform_two_tasks_at_a_time(second):
    served = second()

    for _ in range(2):
        served.enqueue("runs", "time.sleep", 600)

    busy = "SELECT count(*) FROM workers_worker WHERE busy_since IS NOT NULL"
    wait_until(lambda: served.ask(busy) == [(2,)], "both are at work")


def test_two_machines_register_under_their_names_and_each_performs_tasks(serve, second):
    first, other = serve("--no-web"), second()

    assert names(other, "launcher") == names(first, "launcher") == [("beta",), (first.name,)]
    assert names(first, "runs") == [("beta",), ("beta",), (first.name,)]
    first.stop()
    other.performs("runs")


def test_frozen_cluster_is_restarted_even_if_another_machine_serves_the_same_queue(serve, second):
    first, other = serve("--no-web"), second()
    frozen = first.auxiliaries("runs")[1]

    frozen.suspend()

    wait_until(lambda: len(first.started("runs")) == 2, "it is started again")
    assert len(other.started("runs")) == 1


def test_a_second_launcher_of_the_same_name_is_refused(serve, folder: Path, monkeypatch):
    served = serve("--no-web")
    (folder / "second").mkdir()
    monkeypatch.setenv("WORKER_NAME", served.name)

    refused = manage(folder / "second", "serve", "--only", "runs", database=database_of(folder))

    assert refused.returncode == 1
    assert f'A launcher named "{served.name}" is alive: process {served.process.pid}' in refused.stderr
    assert "Traceback" not in refused.stderr
    served.performs("runs")


def test_web_server_is_registered_until_it_stops(serve):
    served = serve()

    wait_until(lambda: names(served, "web") == [(served.name,)], "it beats")
    served.stop()
    assert names(served, "web") == []
