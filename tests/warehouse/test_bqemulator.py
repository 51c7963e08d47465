"""BigQuery keeps the contract against bqemulator too, less what it lacks.

It cannot cancel a job nor end it in time, and a script of several statements gets no parameters.
"""

import datetime as dt
import uuid
from collections.abc import Callable, Iterator

import pytest

from apps.warehouse.base import Count, Question
from apps.warehouse.bigquery.client import BigQueryWarehouse
from tests.standins import bqemulator
from tests.warehouse.bigquery_shop import TABLES
from tests.warehouse.contract import FIRST, SALES, SCORES, SECOND, THIRD, Contract

pytestmark = pytest.mark.emulator


@pytest.fixture(scope="module")
def emulator(tmp_path_factory) -> Iterator[str]:
    try:
        with bqemulator.running(tmp_path_factory.mktemp("bqemulator") / "log") as url:
            yield url
    except bqemulator.NotInstalled as reason:
        pytest.skip(str(reason))


@pytest.fixture
def warehouse(emulator: str, monkeypatch) -> BigQueryWarehouse:
    """Each test has a project of its own."""
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", emulator)
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    found = BigQueryWarehouse(f"shop-{uuid.uuid4().hex[:8]}", "US", byte_limit=1024**3, patience=5)
    for statement in TABLES:
        found.client.query_and_wait(statement)
    return found


@pytest.fixture
def ask(warehouse: BigQueryWarehouse) -> Callable[[str], list[tuple]]:
    return lambda sql: [row.values() for row in warehouse.client.query_and_wait(sql)]


class TestBqemulator(Contract):
    test_a_script_that_takes_too_long_is_ended = None
    test_a_script_gets_its_dates = None
    test_a_stopped_script_is_interrupted = None

    def test_a_statement_gets_its_dates(self, fill, ask):
        fill("INSERT INTO shop.sales SELECT @start_date, 9")

        assert ask("SELECT day FROM shop.sales WHERE item = 9") == [(FIRST,)]


def unknown(table: str) -> dict[dt.date, Count]:
    return {}


def test_a_scan_counts_tables_without_partitions_and_reports_missing_tables(warehouse):
    questions = [SALES, SCORES, Question("shop.nothing", "day")]

    reading = warehouse.scan(questions, start=FIRST, end=THIRD, known=unknown)

    assert (reading.of("shop.sales", SECOND).rows, reading.of("shop.scores", FIRST).quality) == (3, 75)
    assert reading.problems == {"shop.nothing": "table shop.nothing does not exist in the warehouse"}


def test_partitions_and_a_count_agree(warehouse):
    warehouse.client.query_and_wait("CREATE TABLE shop.parted (day DATE, item INT64) PARTITION BY day")
    warehouse.client.query_and_wait("INSERT INTO shop.parted SELECT * FROM shop.sales WHERE day IS NOT NULL")
    parted = Question("shop.parted", "day")

    told = warehouse.scan([parted], start=FIRST, end=THIRD, known=unknown).counts["shop.parted"]

    counted = warehouse.count([parted]).counts["shop.parted"]
    assert {date: count.rows for date, count in told.items()} == {
        date: count.rows for date, count in counted.items()
    }
    assert all(count.modified_at for count in told.values())
