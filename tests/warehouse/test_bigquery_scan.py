"""A scan of BigQuery reads metadata where that tells rows by day, and looks only at what changed."""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping

import pytest

from apps.warehouse.base import EMPTY, Count, Question, Reading
from apps.warehouse.bigquery import partitions
from apps.warehouse.bigquery.client import BigQueryWarehouse
from apps.warehouse.bigquery.partitions import STREAMED, Line
from tests.standins.bigquery import PROJECT, StandIn
from tests.warehouse.contract import FIRST, SECOND, THIRD

ROWS = Question("shop.orders", "day")
SCORED = Question("shop.orders", "day", quality_column="score")
KEYED = Question("shop.orders", "day", key_columns=("score",))
MONTH = {"start": dt.date(2024, 1, 1), "end": dt.date(2024, 1, 31)}
MEGABYTES_10 = 10 * 1024**2


@pytest.fixture
def server(monkeypatch) -> Iterator[StandIn]:
    with StandIn() as server:
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", server.url)
        monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
        server.say("CREATE SCHEMA shop")
        yield server


@pytest.fixture
def orders(server: StandIn) -> Callable[..., None]:
    """Makes shop.orders (day, score) with a row for each of the days; its type and partitions are the test's."""

    def make(*days: object, kind: str = "DATE", by: str = "day") -> None:
        server.say(f"CREATE TABLE shop.orders (day {kind}, score FLOAT64) PARTITION BY {by}")
        for day in days:
            server.say(f"INSERT INTO shop.orders VALUES (CAST('{day}' AS {kind}), 50)")

    return make


@pytest.fixture
def scan(server: StandIn) -> Callable[..., Reading]:
    """A scan by somebody who knows what the scan before said, if any."""

    def run(*questions: Question, known: Reading | None = None) -> Reading:
        def of(table: str) -> Mapping[dt.date, Count]:
            return known.counts.get(table, {}) if known else {}

        server.forget()
        return BigQueryWarehouse(PROJECT, "US", byte_limit=1024**4, patience=2).scan(
            questions, **MONTH, known=of
        )

    return run


def rows(reading: Reading, table: str = "shop.orders") -> dict[dt.date, int]:
    return {date: count.rows for date, count in sorted(reading.counts[table].items())}


# What the metadata tells ------------------------------------------------------------------------------


def test_rows_by_day_come_from_the_metadata_alone(server, orders, scan):
    orders(FIRST, SECOND, SECOND)

    reading = scan(ROWS)

    assert rows(reading) == {FIRST: 1, SECOND: 2}
    assert (reading.queries, len(server.asked("partitions")), server.asked("count")) == (1, 1, [])


@pytest.mark.parametrize(
    ("kind", "by"),
    [
        ("DATE", "day"),
        ("DATETIME", "DATETIME_TRUNC(day, DAY)"),
        ("TIMESTAMP", "DATE(day)"),
        ("TIMESTAMP", "TIMESTAMP_TRUNC(day, HOUR)"),
    ],
)
def test_the_metadata_and_a_count_agree(server, orders, scan, kind, by):
    days = ["2024-01-01", "2024-01-02", "2024-01-02"]
    orders(
        *(
            [*days]
            if kind == "DATE"
            else [f"{day} {hour}:59:59" for hour, day in zip("019", days, strict=True)]
        ),
        kind=kind,
        by=by,
    )

    counted = BigQueryWarehouse(PROJECT, "US", byte_limit=1024**4).count([ROWS])

    assert rows(scan(ROWS)) == rows(counted) == {FIRST: 1, SECOND: 2}


def test_timestamps_are_counted_if_the_time_zone_is_not_utc(server, orders):
    """Partitions of a TIMESTAMP are days in UTC: https://cloud.google.com/bigquery/docs/partitioned-tables"""
    orders("2024-01-02 01:30:00", "2024-01-02 06:00:00", kind="TIMESTAMP", by="DATE(day)")
    there = BigQueryWarehouse(PROJECT, "US", byte_limit=1024**4, timezone="America/New_York")

    scanned = there.scan([ROWS], **MONTH, known=lambda table: {})

    assert rows(scanned) == rows(there.count([ROWS])) == {FIRST: 1, SECOND: 1}
    assert there.count([ROWS], dates=[FIRST]).of("shop.orders", FIRST) == Count(1)


def test_dates_are_read_from_the_metadata_in_any_zone(server, orders):
    orders(FIRST, SECOND)
    there = BigQueryWarehouse(PROJECT, "US", byte_limit=1024**4, timezone="America/New_York")

    reading = there.scan([ROWS], **MONTH, known=lambda table: {})

    assert (rows(reading), server.asked("count")) == ({FIRST: 1, SECOND: 1}, [])


def test_only_the_dates_of_the_range_are_reported(orders, scan):
    orders("2023-12-31", FIRST, "2024-02-01")

    assert rows(scan(ROWS)) == {FIRST: 1}


def test_a_date_has_the_moment_of_its_last_write(server, orders, scan):
    orders(FIRST)
    noon = dt.datetime(2024, 1, 5, 12, tzinfo=dt.UTC)
    server.store.touch("shop", "orders", "20240101", noon)

    assert scan(ROWS).of("shop.orders", FIRST).modified_at == noon


def test_all_tables_of_a_dataset_take_one_query(server, orders, scan):
    orders(FIRST)
    server.say("CREATE TABLE shop.visits (day DATE) PARTITION BY day")

    reading = scan(ROWS, Question("shop.visits", "day"))

    assert (reading.queries, reading.of("shop.visits", FIRST)) == (1, EMPTY)


# What needs a look ------------------------------------------------------------------------------------


def test_unchanged_partitions_are_not_counted_again(server, orders, scan):
    orders(FIRST, SECOND)
    before = scan(SCORED)

    again = scan(SCORED, known=before)

    assert again.counts == before.counts
    assert server.asked("count") == []


def test_different_keys_are_counted_although_rows_come_from_the_metadata(orders, scan):
    orders(FIRST, FIRST, SECOND)

    found = scan(KEYED).counts["shop.orders"]

    assert {date: (count.rows, count.keys) for date, count in found.items()} == {
        FIRST: (2, 1),
        SECOND: (1, 1),
    }


def test_different_keys_of_unchanged_dates_are_not_counted_again(server, orders, scan):
    orders(FIRST, FIRST, SECOND)
    before = scan(KEYED)

    again = scan(KEYED, known=before)

    assert server.asked("count") == []
    assert again.of("shop.orders", FIRST).keys == 1


def test_only_changed_dates_are_counted(server, orders, scan):
    orders(FIRST, SECOND, THIRD)
    before = scan(SCORED)
    server.say("UPDATE shop.orders SET score = 80 WHERE day <> DATE '2024-01-02'")

    again = scan(SCORED, known=before)

    (looked,) = server.asked("count")
    assert looked.values["dates_0"] == [FIRST, THIRD]
    assert [again.of("shop.orders", date).quality for date in (FIRST, SECOND, THIRD)] == [80, 50, 80]


def test_dates_that_changed_side_by_side_are_sent_as_a_range(server, orders, scan):
    """A list of each of them for hundreds of tables would be megabytes of parameters."""
    orders(FIRST, SECOND, THIRD)

    scan(SCORED)

    (looked,) = server.asked("count")
    assert looked.values == {"start_0": FIRST, "end_0": THIRD}


def test_a_count_reads_only_the_changed_partitions(server, orders, scan):
    orders(*[FIRST] * 9, SECOND)
    before = scan(SCORED)
    server.say("UPDATE shop.orders SET score = 80 WHERE day = DATE '2024-01-02'")

    scan(SCORED, known=before)

    (looked,) = server.asked("count")
    assert looked.processed == {"shop.orders": 16}  # one row of a date and a number


def test_deleted_rows_are_found_even_if_the_modification_time_is_unchanged(server, orders, scan):
    """https://cloud.google.com/bigquery/docs/information-schema-partitions: a deletion may leave the time as it was."""
    orders(FIRST, FIRST)
    before = scan(SCORED)
    server.say("DELETE FROM shop.orders WHERE day = DATE '2024-01-01' AND score = 50")
    server.say("INSERT INTO shop.orders VALUES (DATE '2024-01-01', 50)")
    server.store.touch("shop", "orders", "20240101", before.of("shop.orders", FIRST).modified_at)

    assert scan(SCORED, known=before).of("shop.orders", FIRST).rows == 1


# What the metadata does not tell ----------------------------------------------------------------------


def test_a_partition_without_a_modification_time_is_counted(server, orders, scan):
    orders(FIRST, SECOND)
    server.store.touch("shop", "orders", "20240101", None)

    reading = scan(ROWS)

    assert rows(reading) == {FIRST: 1, SECOND: 1}
    assert len(server.asked("count")) == 1


def test_a_table_partitioned_by_month_is_counted(server, orders, scan):
    orders(FIRST, SECOND, by="DATE_TRUNC(day, MONTH)")

    reading = scan(ROWS)

    assert rows(reading) == {FIRST: 1, SECOND: 1}
    assert len(server.asked("count")) == 1


def test_a_view_is_counted(server, orders, scan):
    orders(FIRST)
    server.say("CREATE VIEW shop.seen AS SELECT * FROM shop.orders")

    assert rows(scan(Question("shop.seen", "day")), "shop.seen") == {FIRST: 1}


def test_a_table_partitioned_by_another_column_is_counted_by_its_date_column(server, scan):
    server.say("CREATE TABLE shop.late (day DATE, arrived DATE) PARTITION BY arrived")
    server.say("INSERT INTO shop.late VALUES (DATE '2024-01-01', DATE '2024-01-02')")

    reading = scan(Question("shop.late", "day"))

    assert rows(reading, "shop.late") == {FIRST: 1}
    assert reading.of("shop.late", FIRST).modified_at is None


def test_all_counts_take_one_query(server, orders, scan):
    orders(FIRST)
    for name in ("plain", "flat"):
        server.say(f"CREATE TABLE shop.{name} AS SELECT DATE '2024-01-02' AS day")

    reading = scan(SCORED, Question("shop.plain", "day"), Question("shop.flat", "day"))

    assert reading.queries == 2
    assert rows(reading, "shop.flat") == {SECOND: 1}


def test_rows_in_the_streaming_buffer_are_counted_and_noted(server, orders, scan):
    """https://cloud.google.com/bigquery/docs/partitioned-tables: they are in __UNPARTITIONED__ for a while."""
    orders(FIRST)
    BigQueryWarehouse(PROJECT, "US", byte_limit=1024**4).client.insert_rows_json(
        f"{PROJECT}.shop.orders", [{"day": "2024-01-02", "score": 1}]
    )

    reading = scan(ROWS)

    assert rows(reading) == {FIRST: 1, SECOND: 1}
    assert "rows in the streaming buffer, in no partition yet: 1" in reading.notes["shop.orders"]


@pytest.mark.parametrize("buffered", [0, None])
def test_a_streaming_buffer_is_counted_regardless_of_its_rows_in_the_metadata(buffered):
    """Nobody promises that the number of the line is that of the rows in the buffer."""
    lines = [
        COLUMN,
        Line("orders", "20240101", None, None, 5, WRITTEN),
        Line("orders", STREAMED, None, None, buffered, None),
    ]

    assert not tells_days(lines)


def test_a_date_without_rows_in_the_metadata_is_counted():
    assert tells_days([COLUMN, Line("orders", "20240101", None, None, 5, WRITTEN)])
    assert not tells_days([COLUMN, Line("orders", "20240101", None, None, None, WRITTEN)])


def test_rows_without_a_date_are_noted(server, orders, scan):
    orders(FIRST)
    server.say("INSERT INTO shop.orders VALUES (NULL, 1)")

    reading = scan(ROWS)

    assert rows(reading) == {FIRST: 1}
    assert reading.notes == {"shop.orders": "rows without a date, which count for none: 1"}


COLUMN = Line("orders", "day", "DATE", True, None, None)
WRITTEN = dt.datetime(2024, 2, 1, tzinfo=dt.UTC)


def tells_days(lines: list[Line]) -> bool:
    (shape,) = partitions.shapes(lines).values()
    return partitions.Surveyed(ROWS, shape, FIRST, SECOND).tells_days


# What is not there ------------------------------------------------------------------------------------


def test_a_missing_table_and_a_missing_dataset_are_reported(orders, scan):
    orders(FIRST)

    reading = scan(ROWS, Question("shop.nothing", "day"), Question("nowhere.orders", "day"))

    assert rows(reading) == {FIRST: 1}
    assert reading.problems == {
        "shop.nothing": "table shop.nothing does not exist in the warehouse",
        "nowhere.orders": "table nowhere.orders does not exist in the warehouse",
    }


def test_a_missing_column_is_reported_from_the_metadata(orders, scan):
    orders(FIRST)

    reading = scan(Question("shop.orders", "day", quality_column="grade"))

    assert reading.problems == {"shop.orders": "table shop.orders has no column grade"}


def test_a_table_that_may_not_be_read_is_a_problem_of_its_own(server, orders, scan):
    orders(FIRST)
    server.say("CREATE TABLE shop.secret (day DATE)")
    server.deny("shop.secret")

    reading = scan(ROWS, Question("shop.secret", "day"))

    assert rows(reading) == {FIRST: 1}
    assert "Access Denied" in reading.problems["shop.secret"]
