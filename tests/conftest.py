"""What many tests share: a small shop with a real DuckDB file and real jobs, and people who may do things."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client, TransactionTestCase
from hypothesis import settings as hypothesis_settings

from apps.coverage import scanning
from apps.coverage.models import Scan
from apps.pipeline import definition
from apps.pipeline.definition import Pipeline
from apps.runs import control, lanes, planning, recovery, runner
from apps.runs.holding import Hold
from apps.runs.keeper import Keeper
from apps.runs.models import Lane, Run
from apps.runs.planning import Plan
from apps.warehouse.base import Warehouse
from tests import agreement, database, duck

PIPELINES = Path(__file__).parent / "pipelines"

# By default an example that takes 200 ms fails, and so would a test on a busy machine.
hypothesis_settings.register_profile("suite", deadline=None)
hypothesis_settings.load_profile("suite")

Ask = Callable[..., list[tuple]]


def day(text: str) -> dt.date:
    """ "01-05" of the shop's year."""
    return dt.date.fromisoformat(f"2024-{text}")


@pytest.fixture(autouse=True)
def own_files(settings, tmp_path: Path) -> None:
    """Logs and mails of a test stay in its folder."""
    settings.VAR_DIR = tmp_path
    settings.LOG_DIR = tmp_path / "logs"


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker) -> Iterator[None]:
    """A test that commits leaves the database as the migrations left it."""
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch:
        contents = database.read(connection)
        patch.setattr(
            TransactionTestCase, "_fixture_teardown", lambda _: database.restore(connection, contents)
        )
        yield


@pytest.fixture(scope="session")
def new_shop(tmp_path_factory) -> Path:
    """The folder of a shop as `shop` gives it, which is copied for each test."""
    folder = tmp_path_factory.mktemp("new") / "shop"
    shutil.copytree(PIPELINES, folder)
    with duckdb.connect(str(folder / "shop.duckdb")) as warehouse:
        for statement in SHOP_TABLES:
            warehouse.execute(statement)
    return folder


@pytest.fixture
def shop(settings, new_shop: Path, tmp_path: Path, monkeypatch) -> Iterator[Path]:
    """The shop's warehouse file. Every day of both seasons is open with 4 orders, but 7 January is closed."""
    folder = shutil.copytree(new_shop, tmp_path / "shop")
    path = folder / "shop.duckdb"
    monkeypatch.setitem(os.environ, "SHOP_WAREHOUSE", str(path))
    settings.PIPELINE = folder / "shop.toml"
    yield path
    definition.load.cache_clear()


SHOP_TABLES = (
    "CREATE SCHEMA raw",
    "CREATE SCHEMA daily",
    "CREATE SCHEMA weekly",
    "CREATE TABLE raw.days AS SELECT day::DATE AS day, 4 AS orders, day <> DATE '2024-01-07' AS open "
    "FROM (SELECT unnest(generate_series(DATE '2024-01-01', DATE '2024-01-20', INTERVAL 1 DAY)) AS day "
    "UNION ALL SELECT unnest(generate_series(DATE '2024-03-01', DATE '2024-03-10', INTERVAL 1 DAY)))",
    "CREATE TABLE raw.orders AS SELECT day, i FROM raw.days, range(4) orders(i) WHERE open",
    "CREATE TABLE raw.orders_backup AS SELECT * FROM raw.orders",
    "CREATE TABLE raw.faults (day DATE, table_name VARCHAR, fault VARCHAR)",
    "CREATE TABLE daily.sales (day DATE, item BIGINT, written_at TIMESTAMP)",
    "CREATE TABLE daily.visits (day DATE, item BIGINT)",
    "CREATE TABLE weekly.trend (day DATE, score DOUBLE)",
)


@pytest.fixture
def pipeline(shop: Path) -> Pipeline:
    return definition.current()


@pytest.fixture
def warehouse(pipeline: Pipeline) -> Warehouse:
    return scanning.open_warehouse(pipeline)


@pytest.fixture
def ask(shop: Path) -> Ask:
    """Says something to the shop's warehouse, in SQL."""

    def execute(sql: str, *parameters: object) -> list[tuple]:
        with duck.opened(shop) as connection:
            return connection.execute(sql, list(parameters) or None).fetchall()

    return execute


@pytest.fixture
def fault(ask: Ask) -> Callable[[str, str, str], None]:
    """Plants a fault: what the shop's job does wrong for a table on a date ("01-05")."""

    def plant(table: str, date: str, what: str) -> None:
        ask("INSERT INTO raw.faults VALUES (?, ?, ?)", day(date), table, what)

    return plant


@pytest.fixture
def scan(pipeline: Pipeline, warehouse: Warehouse, db: None) -> Callable[[], Scan]:
    """Scans the whole warehouse, now."""

    def run() -> Scan:
        row = Scan.objects.create()
        scanning.scan(pipeline, warehouse, row)
        row.refresh_from_db()
        return row

    return run


@pytest.fixture
def viewer(db: None) -> User:
    return User.objects.create_user("vera", password="vera")


@pytest.fixture
def operator(db: None) -> User:
    user = User.objects.create_user("olga", email="olga@shop.example", password="olga")
    user.user_permissions.set(Permission.objects.filter(codename__in=("operate_run", "operate_coverage")))
    return user


@pytest.fixture
def plan(pipeline: Pipeline, transactional_db: None, scan: Callable[[], Scan]) -> Callable[..., Plan]:
    """A plan from a fresh scan: `plan(tables=["daily.sales"], start=day("01-01"))`."""

    def make(**kwargs) -> Plan:
        scan()
        return planning.plan(pipeline, planning.select(pipeline, **kwargs))

    return make


@pytest.fixture
def launch(plan: Callable[..., Plan], pipeline: Pipeline) -> Callable[..., Run]:
    """Launches a run of such a plan, without a queue: `drive` performs it."""

    def make(**kwargs) -> Run:
        return control.launch(plan(**kwargs), pipeline, by="olga", note="a test", queued=False)

    return make


@pytest.fixture
def drive(pipeline: Pipeline, transactional_db: None) -> Callable[..., Run]:
    """Performs a run with the real engine and the real jobs until it rests or ends, or for some attempts."""

    def perform(run: Run, *, attempts: int | None = None) -> Run:
        Lane.objects.filter(run=run).update(lease_until=None)  # a ticket in the queue is not waited for
        lease = lanes.take(run.pk)
        assert lease
        with Keeper(run.pk, lease) as kept:
            performer = runner.Runner(Hold(run, pipeline, kept), scanning.open_warehouse(pipeline))
            recovery.recover(run, lease, performer.warehouse)
            while (attempts is None or run.attempts.count() < attempts) and performer.advance():
                pass
        lanes.give_back(run.pk, lease)
        run.refresh_from_db()
        return run

    return perform


@pytest.fixture
def agree(pipeline: Pipeline, operator: User) -> Callable[..., None]:
    """Compares the numbers of all pages, files, shell and mail: `agree()`, or `agree(run)` to compare a run's too."""

    def compare(run: Run | None = None) -> None:
        client = Client()
        client.force_login(operator)
        agreement.compare(client, pipeline, run)

    return compare


# --- the suite on two databases -----------------------------------------------------------------------
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("django_db") or {"db", "transactional_db"} & set(item.fixturenames):
            item.add_marker("database")


def pytest_report_header() -> str:
    return f"database: {django_settings.DATABASES['default']['ENGINE'].rpartition('.')[2]}"
