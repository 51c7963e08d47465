"""The query that a partition's page shows: who runs it by hand gets the count that the page says."""

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from apps.coverage.models import Partition, Scan
from apps.coverage.scanning import full_scan, warehouses
from apps.pipeline import definition
from apps.warehouse.base import Question
from apps.warehouse.bigquery.client import BigQueryWarehouse
from apps.warehouse.sql import bigquery_sql
from tests import duck
from tests.conftest import day
from tests.standins.bigquery import PROJECT, StandIn

ZONES = ("UTC", "America/New_York", "Pacific/Auckland")
# Late and early moments: with a zone, each lies on another date in another zone.
MOMENTS = ("2024-01-04 20:30:00", "2024-01-05 02:30:00", "2024-01-05 12:00:00", "2024-01-05 23:30:00")


@pytest.fixture
def typed(shop, read) -> Callable[[str], tuple]:
    """What a person gets who runs the query of a table's 5 January, in a session of whatever zone."""

    def run(table: str) -> tuple:
        sql = html.unescape(
            re.search(r'id="cell-sql">(.*?)</pre>', read(f"/coverage/partition/{table}/2024-01-05/"), re.S)[1]
        )
        with duck.opened(shop, read_only=True) as connection:
            connection.execute("SET TimeZone = 'Asia/Tokyo'")
            (row,) = connection.execute(sql).fetchall()
        return row

    return run


def scanned(table: str) -> Partition:
    pipeline, row = definition.current(), Scan.objects.create()
    full_scan.scan(pipeline, warehouses.open_warehouse(pipeline), row)
    return Partition.objects.get(table=table, date=day("01-05"))


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("kind", ["DATE", "TIMESTAMP", "TIMESTAMPTZ", "VARCHAR"])
def test_the_displayed_query_returns_the_displayed_number_of_rows(rewrite, ask, db, typed, kind, zone):
    rewrite('name = "Shop"', f'name = "Shop"\ntimezone = "{zone}"')
    values = ", ".join(f"(CAST('{moment}+00' AS TIMESTAMPTZ))" for moment in MOMENTS)
    value = "col0" if kind == "TIMESTAMPTZ" else f"CAST(timezone('UTC', col0) AS {kind})"
    ask("DROP TABLE raw.orders")
    ask(f"CREATE TABLE raw.orders AS SELECT {value} AS day FROM (VALUES {values})")

    rows = scanned("raw.orders").rows

    assert rows
    assert typed("raw.orders") == (rows,)


def test_a_column_that_is_a_word_of_sql_is_quoted(rewrite, ask, db, typed):
    rewrite(
        'name = "raw.orders"\nphase = "1"\ndate_column = "day"',
        'name = "raw.orders"\nphase = "1"\ndate_column = "at"',
    )
    ask('ALTER TABLE raw.orders RENAME day TO "at"')

    scanned("raw.orders")

    assert typed("raw.orders") == (4,)


def test_a_schema_called_like_the_file_is_found(rewrite, ask, db, typed):
    rewrite('"raw.orders"', '"shop.orders"', times=-1)
    ask("CREATE SCHEMA shop.shop")
    ask("CREATE TABLE shop.shop.orders AS SELECT * FROM raw.orders")

    scanned("shop.orders")

    assert typed("shop.orders") == (4,)


def test_the_query_counts_different_keys_and_empty_values_too(rewrite, fill, ask, db, typed):
    rewrite('key = ["item"]', 'key = ["item"]\nnot_null = ["item"]')
    fill("daily.sales", "01-05", rows=3)
    fill("daily.sales", "01-05", rows=2)
    ask("INSERT INTO daily.sales VALUES (DATE '2024-01-05', NULL, NULL)")

    found = scanned("daily.sales")

    assert typed("daily.sales") == (6, 4, [1])
    assert (found.rows, found.keys) == (6, 4)


# BigQuery ---------------------------------------------------------------------------------------------


@pytest.fixture
def server(monkeypatch) -> Iterator[StandIn]:
    with StandIn() as server:
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", server.url)
        monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
        server.say("CREATE SCHEMA shop")
        yield server


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("kind", ["DATE", "DATETIME", "TIMESTAMP", "STRING"])
def test_the_displayed_bigquery_query_returns_the_same_counts_as_the_console(server, kind, zone):
    server.say(f"CREATE TABLE shop.orders (`at` {kind}, item INT64)")
    for moment in MOMENTS:
        server.say(f"INSERT INTO shop.orders SELECT CAST('{moment}' AS {kind}), 1")
    warehouse = BigQueryWarehouse(PROJECT, "US", byte_limit=1024**4, patience=2, timezone=zone)
    question = Question("shop.orders", "at", key_columns=("item",), not_null=("item",), timezone=zone)

    counted = warehouse.count([question], dates=[day("01-05")]).of("shop.orders", day("01-05"))
    _, rows = warehouse.ask(bigquery_sql.count_of_date(question, day("01-05")), {}, about="count")

    assert counted and counted.rows
    assert [tuple(row) for row in rows] == [(counted.rows, counted.keys, list(counted.nulls))]


def test_on_bigquery_the_date_column_is_compared_bare(server):
    """A table that requires a filter on its partitions refuses anything else."""
    sql = bigquery_sql.count_of_date(
        replace(Question("shop.orders", "at"), timezone="Asia/Tokyo"), day("01-05")
    )

    assert "WHERE `at` >= '2024-01-04' AND `at` < '2024-01-07' AND" in sql
