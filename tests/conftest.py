"""What many tests share: a small shop with a real DuckDB file and real jobs, and people who may do things."""

import datetime as dt
import gc
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.template.base import Variable
from django.test import Client, TransactionTestCase
from django.utils import timezone
from hypothesis import settings as hypothesis_settings

from apps import masking
from apps.coverage.models import Scan
from apps.coverage.scanning import full_scan, warehouses
from apps.pipeline import definition
from apps.pipeline.definition import Pipeline
from apps.runs import control
from apps.runs.calls import jobs
from apps.runs.calls.jobs import Call
from apps.runs.engine import recovery, runner
from apps.runs.engine.lane_context import LaneContext
from apps.runs.engine.lease_heartbeat import LeaseHeartbeat
from apps.runs.models import Lane, Run, leases
from apps.runs.plans import planning, selections
from apps.runs.plans.plan import Plan
from apps.warehouse.base import Warehouse
from apps.workers.models import Worker
from tests import agreement, database, duck, markup, strict_templates
from tests.job_forks import Forked, ForkServer
from tests.scanned import Scanned, scan_once

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


@pytest.fixture(autouse=True)
def own_secrets() -> Iterator[None]:
    """What a test has the console learn as a secret is masked in that test alone."""
    known = set(masking._known)
    yield
    masking._known.clear()
    masking._known.update(known)


@pytest.fixture(autouse=True, scope="session")
def strict_pages() -> Iterator[None]:
    """Pages come without the whitespace that lays out their templates, which name no attribute that is not there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Client, "request", markup.request_tight)
        patch.setattr(Variable, "_resolve_lookup", strict_templates.resolve)
        yield


@pytest.fixture(scope="session")
def fork_server() -> Iterator[ForkServer]:
    server = ForkServer()
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def forked_jobs(request: pytest.FixtureRequest, fork_server: ForkServer, monkeypatch) -> None:
    """Python jobs are forked, but for tests with the mark `real_process`."""
    if request.node.get_closest_marker("real_process"):
        return
    make_process = jobs.start

    def start(call: Call, log: Path) -> Forked:
        if call.argv[0] != sys.executable or not (call.cwd / call.argv[1]).is_file():
            return make_process(call, log)
        environment = jobs.environment_of(call)
        masking.learn(environment)
        with log.open("ab") as output:
            return fork_server.start(list(call.argv[1:]), cwd=call.cwd, env=environment, log=output.fileno())

    monkeypatch.setattr(jobs, "start", start)


@pytest.fixture(scope="session")
def django_db_keepdb(django_db_modify_db_settings_parallel_suffix: None) -> bool:
    """Whether the database is here already: a copy of the migrated one of `bin/test`, where SQLite is asked."""
    migrated = database.migrated()
    if migrated:
        shutil.copy(migrated, django_settings.DATABASES["default"]["TEST"]["NAME"])
    return bool(migrated)


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
    "CREATE TABLE raw.notes (day DATE, table_name VARCHAR, note VARCHAR)",
    "CREATE TABLE daily.sales (day DATE, item BIGINT, written_at TIMESTAMP)",
    "CREATE TABLE daily.visits (day DATE, item BIGINT)",
    "CREATE TABLE weekly.trend (day DATE, score DOUBLE)",
)


class Faults:
    """What the shop's job does wrong: `fault("daily.sales", "01-05", "silent")`, until `fault.mend()`."""

    @property
    def file(self) -> Path:
        return Path(os.environ["SHOP_WAREHOUSE"]).with_name("faults.json")

    def planted(self) -> dict[str, str]:
        return json.loads(self.file.read_text()) if self.file.exists() else {}

    def __call__(self, table: str, date: str, what: str) -> None:
        self.file.write_text(json.dumps(self.planted() | {f"{table} {day(date)}": what}))

    def mend(self, date: str = "") -> None:
        """None is left; or none of that date."""
        left = {
            where: what
            for where, what in self.planted().items()
            if date and not where.endswith(str(day(date)))
        }
        self.file.write_text(json.dumps(left))


@pytest.fixture
def rewrite(shop: Path, settings) -> Callable[..., None]:
    """Changes words of the shop's pipeline file where they stand first, or with `times=-1` everywhere."""

    def change(old: str, new: str, *, times: int = 1) -> None:
        text = settings.PIPELINE.read_text()
        assert old in text
        settings.PIPELINE.write_text(text.replace(old, new, times))
        definition.load.cache_clear()

    return change


@pytest.fixture
def pipeline(shop: Path) -> Pipeline:
    return definition.current()


@pytest.fixture
def warehouse(pipeline: Pipeline) -> Warehouse:
    return warehouses.open_warehouse(pipeline)


@pytest.fixture
def ask(shop: Path) -> Ask:
    """Says something to the shop's warehouse, in SQL."""

    def execute(sql: str, *parameters: object) -> list[tuple]:
        with duck.opened(shop) as connection:
            return connection.execute(sql, list(parameters) or None).fetchall()

    return execute


@pytest.fixture
def fault(shop: Path) -> Faults:
    return Faults()


@pytest.fixture(scope="session")
def scanned(django_db_setup: None, django_db_blocker, new_shop: Path) -> Scanned:
    """The first scan of a new shop."""
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "SHOP_WAREHOUSE", str(new_shop / "shop.duckdb"))
        return scan_once(new_shop / "shop.duckdb", definition.read(new_shop / "shop.toml"))


@pytest.fixture
def scan(
    pipeline: Pipeline, warehouse: Warehouse, db: None, scanned: Scanned, monkeypatch
) -> Callable[[], Scan]:
    """Scans the whole warehouse, now; of a shop that is as it opened, by storing what such a scan stores."""

    def run() -> Scan:
        is_patched = any(place is not jobs for place, *_ in monkeypatch._setattr)
        if not is_patched and scanned.fits(pipeline, warehouse):
            return scanned.store()
        row = Scan.objects.create()
        full_scan.scan(pipeline, warehouse, row)
        row.refresh_from_db()
        return row

    return run


@pytest.fixture
def first_scan(scan: Callable[[], Scan]) -> Scan:
    """The whole warehouse was scanned before the test begins, after all that its other fixtures did."""
    return scan()


@pytest.fixture
def outage(first_scan: Scan, scan: Callable[[], Scan], shop: Path) -> Scan:
    """The warehouse file went away after the first scan, to `.gone`; answers the scan that failed then."""
    shop.rename(shop.with_suffix(".gone"))
    return scan()


@pytest.fixture
def workers(db: None) -> None:
    """One in each cluster, alive."""
    now = timezone.now()
    for number, cluster in enumerate(("main", "runs")):
        Worker.objects.create(
            name=f"w{number}", cluster=cluster, host="here", pid=number + 1, started_at=now, heartbeat_at=now
        )


@pytest.fixture
def viewer(db: None) -> User:
    return User.objects.create_user("vera", password="vera")


@pytest.fixture
def operator(db: None) -> User:
    user = User.objects.create_user("olga", email="olga@shop.example", password="olga")
    user.user_permissions.set(Permission.objects.filter(codename__in=("operate_run", "operate_coverage")))
    return user


@pytest.fixture
def viewing(viewer: User, shop: Path) -> Client:
    """A viewer's browser."""
    client = Client()
    client.force_login(viewer)
    return client


@pytest.fixture
def operating(operator: User, shop: Path) -> Client:
    """An operator's browser."""
    client = Client()
    client.force_login(operator)
    return client


@pytest.fixture
def plan(pipeline: Pipeline, transactional_db: None, scan: Callable[[], Scan]) -> Callable[..., Plan]:
    """A plan from a fresh scan: `plan(tables=["daily.sales"], start=day("01-01"))`."""

    def make(**kwargs) -> Plan:
        scan()
        return planning.plan(pipeline, selections.select(pipeline, **kwargs))

    return make


@pytest.fixture
def launch(plan: Callable[..., Plan], pipeline: Pipeline) -> Callable[..., Run]:
    """Launches a run of such a plan, without a queue: `drive` performs it."""

    def make(**kwargs) -> Run:
        return control.launch(plan(**kwargs), pipeline, by="olga", note="a test", queued=False)

    return make


@pytest.fixture
def drive(pipeline: Pipeline, transactional_db: None) -> Callable[..., Run]:
    """Performs a run with the real engine and the real jobs until it pauses or ends, or for some attempts."""

    def perform(run: Run, *, attempts: int | None = None) -> Run:
        Lane.objects.filter(run=run).update(lease_until=None)  # a ticket in the queue is not waited for
        lease = leases.take(run.pk)
        assert lease
        with LeaseHeartbeat(run.pk, lease) as heartbeat:
            performer = runner.Runner(
                LaneContext(run, pipeline, heartbeat), warehouses.open_warehouse(pipeline)
            )
            recovery.recover(run, lease, performer.warehouse)
            while (attempts is None or run.attempts.count() < attempts) and performer.advance():
                pass
        leases.release(run.pk, lease)
        run.refresh_from_db()
        return run

    return perform


@pytest.fixture
def agree(pipeline: Pipeline, operating: Client) -> Callable[..., None]:
    """Compares the numbers of all pages, files, shell and mail: `agree()`, or `agree(run)` to compare a run's too."""

    def compare(run: Run | None = None) -> None:
        agreement.compare(operating, pipeline, run)

    return compare


def pytest_collection_finish() -> None:
    """What was imported is not looked through again for each of the many objects of a test."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)


def pytest_sessionfinish() -> None:
    gc.unfreeze()


def pytest_unconfigure() -> None:
    if django_settings.OWN_VAR_DIR:
        shutil.rmtree(django_settings.OWN_VAR_DIR, ignore_errors=True)


# --- the suite on two databases -----------------------------------------------------------------------
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("django_db") or {"db", "transactional_db"} & set(item.fixturenames):
            item.add_marker("database")


def pytest_report_header() -> str:
    return f"database: {django_settings.DATABASES['default']['ENGINE'].rpartition('.')[2]}"
