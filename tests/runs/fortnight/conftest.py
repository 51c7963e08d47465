"""A run of a fortnight on BigQuery: the real engine, the real jobs, the real client, and a server on loopback."""

import datetime as dt
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.utils import timezone

from apps import timing
from apps.pipeline import definition
from apps.runs import tasks
from apps.runs.models import Run
from tests.conftest import PIPELINES, Ask
from tests.recovery.conftest import log_in  # noqa: F401  # a fixture
from tests.runs.conftest import meanwhile, wait_until
from tests.runs.fortnight.contract import ONLY_SALES
from tests.standins.bigquery import PROJECT, StandIn, keys
from tests.warehouse.test_bqemulator import emulator  # noqa: F401  # a fixture
from tests.workers.conftest import folder, migrated, serve  # noqa: F401  # fixtures

DAYS = "UNNEST(GENERATE_DATE_ARRAY('2024-01-01', '2024-01-20')) AS day"
TABLES = (
    "CREATE SCHEMA raw",
    "CREATE SCHEMA daily",
    f"CREATE TABLE raw.days AS SELECT day, 2 AS orders FROM {DAYS}",
    "CREATE TABLE raw.orders (day DATE, item INT64) PARTITION BY day",
    f"INSERT INTO raw.orders (day, item) SELECT day, item FROM {DAYS}, UNNEST([1, 2]) AS item",
    "CREATE TABLE daily.sales (day DATE, item INT64) PARTITION BY day",
    "CREATE TABLE daily.visits (day DATE, item INT64)",
)


@dataclass(frozen=True)
class Place:
    """Where BigQuery answers, for which project, and a hand of somebody else there."""

    url: str
    project: str
    ask: Ask


@pytest.fixture
def server() -> Iterator[StandIn]:
    with StandIn() as server:
        yield server


@pytest.fixture
def place(server: StandIn) -> Place:
    return Place(server.url, PROJECT, server.say)


@pytest.fixture
def ask(place: Place) -> Ask:
    return place.ask


@pytest.fixture
def shop(settings, tmp_path: Path, place: Place, monkeypatch) -> Iterator[Path]:
    """The shop's folder. Every day has two orders, and nothing is made of them yet."""
    home = tmp_path / "fortnight"
    shutil.copytree(PIPELINES / "fortnight", home)
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", place.url)
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("SHOP_PROJECT", place.project)
    settings.PIPELINE = home / "fortnight.toml"
    for statement in TABLES:
        place.ask(statement)
    yield home
    definition.load.cache_clear()


@pytest.fixture
def perform(drain) -> Callable[[Run], Run]:
    """Has workers perform the run until it pauses or ends."""

    def work(run: Run) -> Run:
        tasks.revive()
        drain()
        run.refresh_from_db()
        return run

    return work


@pytest.fixture
def perform_again(perform) -> Callable[[Run], Run]:
    """As `perform`, at the moment until which the run waits."""

    def work(run: Run) -> Run:
        assert run.again_at
        Run.objects.filter(pk=run.pk).update(again_at=timezone.now() - dt.timedelta(seconds=1))
        return perform(run)

    return work


@pytest.fixture
def at_work(server: StandIn) -> Callable[[Callable[[], object]], AbstractContextManager]:
    """Something happens as soon as a job of the run is at work on the server: `with at_work(expire): ...`"""

    def then(act: Callable[[], object]) -> AbstractContextManager:
        return meanwhile(lambda: (wait_until(lambda: server.asked("script")), act()))

    return then


@pytest.fixture
def slow(launch, server) -> Run:
    """A run whose scripts take a minute."""
    run = launch(**ONLY_SALES)
    server.forget()
    server.delay("script", 60)
    return run


@pytest.fixture
def key(server: StandIn, shop: Path, monkeypatch) -> None:
    """A service account's key is asked for, of the console and of its jobs."""
    server.wants_token = True
    path = keys.write(shop / "key.json", server.url, PROJECT)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    monkeypatch.setattr(timing, "WAREHOUSE_RETRY_FOR", 0)


@pytest.fixture
def expire(server: StandIn) -> Callable[[], None]:
    return lambda: setattr(server, "has_expired", True)
