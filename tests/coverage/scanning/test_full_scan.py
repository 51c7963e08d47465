"""What an operator learns from a scan."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.coverage.counts.freshness import silent_tables
from apps.coverage.models import CalendarDate, Partition, Scan
from apps.coverage.scanning import full_scan, readings, snapshots
from apps.warehouse.base import Busy
from tests.conftest import day

pytestmark = pytest.mark.postgresql

State = Partition.State


def partition(table: str, date: str) -> Partition:
    return Partition.objects.get(table=table, date=day(date))


def test_expected_dates_are_the_calendars(first_scan):
    assert CalendarDate.objects.count() == 29
    assert not CalendarDate.objects.filter(date=day("01-07")).exists()


@pytest.mark.parametrize(
    ("date", "rows", "state"),
    [
        pytest.param("01-05", 8, State.COMPLETE, id="all its rows"),
        pytest.param("01-05", 0, State.MISSING, id="no rows"),
        pytest.param("01-05", 1, State.THIN, id="one row"),
        pytest.param("01-05", 32, State.EXCESS, id="four times the rows"),
        pytest.param("01-07", 8, State.UNEXPECTED, id="rows on a closed day"),
    ],
)
def test_a_date_is_judged_by_its_rows(scan, fill, date, rows, state):
    fill("daily.sales", date, rows=rows)

    scan()

    assert partition("daily.sales", date).state == state


def test_bootstrap_dates_are_left_out(first_scan):
    assert partition("weekly.trend", "01-03").state == State.NOT_EXPECTED
    assert partition("weekly.trend", "01-04").state == State.MISSING


def test_rows_on_a_bootstrap_date_are_unexpected(scan, ask):
    ask("INSERT INTO weekly.trend VALUES (?, 50)", day("01-02"))

    scan()

    assert partition("weekly.trend", "01-02").state == State.UNEXPECTED


def test_a_table_is_compared_with_its_reference_table(scan, fill):
    fill("daily.sales", "01-05")
    fill("daily.visits", "01-05", rows=3)

    scan()

    assert partition("daily.visits", "01-05").reason == "3 rows, expected 4 to 12"


def test_a_table_that_does_not_exist_is_missing_and_the_others_are_read(scan, ask):
    ask("DROP TABLE daily.visits")

    done = scan()

    missing = partition("daily.visits", "01-05")
    assert (missing.state, missing.rows) == (State.MISSING, 0)
    assert "daily.visits does not exist" in missing.reason
    assert partition("daily.sales", "01-05").state == State.MISSING
    assert "daily.visits does not exist" in done.problem


def test_a_column_that_does_not_exist_is_unknown(scan, ask):
    ask("ALTER TABLE daily.visits RENAME COLUMN day TO date")

    scan()

    assert "no column day" in partition("daily.visits", "01-05").reason


def test_unreachable_warehouse_leaves_the_last_known_states(scan, fill, shop):
    fill("daily.sales", "01-05")
    scan()
    before = list(Partition.objects.values())
    shop.rename(shop.with_suffix(".gone"))

    done = scan()

    assert done.status == Scan.Status.FAILED
    assert "does not exist" in done.problem
    assert list(Partition.objects.values()) == before


def test_all_tables_are_silent_since_the_first_scan_of_an_unreachable_warehouse(first_scan, outage, scan):
    scan()

    sales = silent_tables()["daily.sales"]
    assert (sales.silent_since, sales.is_outage) == (outage.started_at, True)
    assert "does not exist" in sales.problem and not sales.problem.endswith(".")
    assert first_scan.started_at < sales.read_at < outage.started_at


def test_no_table_is_silent_after_the_next_successful_scan(outage, scan, shop):
    shop.with_suffix(".gone").rename(shop)

    scan()

    assert silent_tables() == {}


def test_an_unreadable_table_keeps_its_last_known_state_while_the_others_are_read(scan, ask, fill):
    fill("daily.sales", "01-05")
    scan()
    ask("ALTER TABLE daily.sales RENAME COLUMN item TO thing")
    ask("INSERT INTO raw.orders VALUES (?, 0)", day("01-08"))

    scan()

    assert set(silent_tables()) == {"daily.sales"}
    assert partition("daily.sales", "01-05").state == State.COMPLETE
    assert partition("raw.orders", "01-08").rows == 5


def test_a_broken_view_makes_its_own_table_unknown_and_is_named(scan, ask, fill, shop):
    ask("INSERT INTO raw.orders VALUES (?, 0)", day("01-08"))
    parquet = shop.parent / "visits.parquet"
    ask(f"COPY daily.visits TO '{parquet}' (FORMAT parquet)")
    ask("DROP TABLE daily.visits")
    ask(f"CREATE VIEW daily.visits AS SELECT * FROM '{parquet}'")
    parquet.unlink()

    done = scan()

    assert done.status == Scan.Status.SUCCEEDED
    assert "table daily.visits cannot be counted: IO Error: No files found" in done.problem
    assert [(name, each.is_outage) for name, each in silent_tables().items()] == [("daily.visits", False)]
    assert partition("raw.orders", "01-08").rows == 5
    assert set(Partition.objects.filter(state=State.UNKNOWN).values_list("table", flat=True)) == {
        "daily.visits"
    }


def test_rows_without_a_date_are_noted_and_count_for_no_partition(scan, ask):
    scan()
    before = list(Partition.objects.values_list("table", "date", "state", "rows"))
    ask("INSERT INTO daily.sales SELECT NULL, i, NULL FROM range(5) rows(i)")

    done = scan()

    assert (done.notes, done.problem) == ("5 rows of daily.sales have no date", "")
    assert (done.queries, done.changed) == (2, 0)
    assert list(Partition.objects.values_list("table", "date", "state", "rows")) == before


def test_a_scan_has_no_note_if_all_rows_have_a_date(scan):
    assert scan().notes == ""


def test_a_failed_scan_does_not_undo_what_a_run_verified_meanwhile(pipeline, warehouse, fill, first_scan):
    class Away:
        """A warehouse that does not answer, and meanwhile a run's step is verified."""

        queries, bytes_billed = 0, 0

        def calendar(self, query):
            fill("daily.sales", "01-05")
            readings.store(
                snapshots.take_snapshot(pipeline, warehouse, {"daily.sales": [day("01-05")]}).found.values()
            )
            raise Busy("somebody holds the file")

    full_scan.scan(pipeline, Away(), Scan.objects.create())

    assert partition("daily.sales", "01-05").state == State.COMPLETE
    assert partition("daily.sales", "01-06").state == State.MISSING


def test_a_problem_ends_with_one_full_stop(pipeline, db, shop):
    class Away:
        queries, bytes_billed = 0, 0

        def calendar(self, query):
            raise Busy("Somebody holds the file.")

    row = Scan.objects.create()
    full_scan.scan(pipeline, Away(), row)

    row.refresh_from_db()
    assert row.problem == "The warehouse could not be asked: Somebody holds the file."
    assert row.reason == "Somebody holds the file"


def test_a_date_that_leaves_the_calendar_is_not_expected_any_more(scan, ask):
    scan()
    ask("UPDATE raw.days SET open = FALSE WHERE day = ?", day("01-05"))
    ask("DELETE FROM raw.orders WHERE day = ?", day("01-05"))

    scan()

    assert partition("raw.orders", "01-05").state == State.NOT_EXPECTED
    assert not Partition.objects.filter(table="daily.sales", date=day("01-05")).exists()


def test_a_second_scan_of_the_same_warehouse_changes_nothing(scan):
    scan()

    assert scan().changed == 0


@pytest.mark.django_db
def test_a_scan_makes_one_query_besides_the_calendars(scan):
    assert scan().queries == 2


def test_a_scan_does_not_undo_what_a_run_verified_meanwhile(pipeline, warehouse, fill, first_scan):
    class Slow:
        """A warehouse that is asked, and then a date is filled and verified before the answer is stored."""

        def calendar(self, query):
            return warehouse.calendar(query)

        queries, bytes_billed = 0, 0

        def scan(self, questions, **range_):
            reading = warehouse.scan(questions, **range_)
            fill("daily.sales", "01-05")
            readings.store(
                snapshots.take_snapshot(pipeline, warehouse, {"daily.sales": [day("01-05")]}).found.values()
            )
            return reading

    full_scan.scan(pipeline, Slow(), Scan.objects.create())

    assert partition("daily.sales", "01-05").state == State.COMPLETE


def test_a_scan_stored_table_by_table_finds_what_one_stored_at_once_does(scan, ask, fill, monkeypatch):
    fill("daily.sales", "01-05")
    ask("DROP TABLE daily.visits")
    scan()
    columns = ("table", "date", "state", "reason", "rows")
    at_once = set(Partition.objects.values_list(*columns))
    Partition.objects.all().delete()
    monkeypatch.setattr(full_scan, "PARTITIONS_TOGETHER", 1)

    again = scan()

    assert set(Partition.objects.values_list(*columns)) == at_once
    assert again.tables_done == 5


def test_tables_that_are_stored_together_share_their_queries(scan, fill, monkeypatch):
    fill("daily.sales", "01-05")
    with CaptureQueriesContext(connection) as together:
        scan()
    Partition.objects.all().delete()
    monkeypatch.setattr(full_scan, "PARTITIONS_TOGETHER", 1)

    with CaptureQueriesContext(connection) as one_by_one:
        scan()

    assert len(together) < len(one_by_one) / 2
