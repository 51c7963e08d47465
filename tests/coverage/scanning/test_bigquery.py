"""A whole pipeline on BigQuery, scanned through the real client: what it finds, and what it asks for."""

import datetime as dt
import io
from collections.abc import Callable, Iterator

import pytest

from apps.cli.management.commands import verify
from apps.coverage import tasks
from apps.coverage.counts.freshness import silent_tables
from apps.coverage.models import Partition, Scan
from apps.coverage.scanning import full_scan, readings, snapshots, warehouses
from apps.coverage.verification import report_files, verifier
from apps.pipeline.arguments import terminal
from apps.pipeline.definition import Pipeline
from tests.coverage import bigquery_shop
from tests.coverage.bigquery_shop import DATES, FIRST, TABLES
from tests.standins.bigquery import StandIn

State = Partition.State


@pytest.fixture
def server(monkeypatch) -> Iterator[StandIn]:
    with StandIn() as server:
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", server.url)
        monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
        bigquery_shop.fill(server)
        yield server


@pytest.fixture
def pipeline(server: StandIn, tmp_path) -> Pipeline:
    return bigquery_shop.pipeline(tmp_path)


@pytest.fixture
def scan(pipeline: Pipeline, server: StandIn, db: None) -> Callable[[], Scan]:
    """Scans everything; what the server was asked is counted from there."""

    def run() -> Scan:
        server.forget()
        row = Scan.objects.create()
        full_scan.scan(pipeline, warehouses.open_warehouse(pipeline), row)
        row.refresh_from_db()
        return row

    return run


def test_all_dates_of_ten_tables_are_complete(scan):
    assert scan().problem == ""
    assert Partition.objects.filter(state=State.COMPLETE, rows=2).count() == len(TABLES) * DATES


def test_a_first_scan_queries_the_calendar_each_dataset_and_the_counts_once(scan, server):
    found = scan()

    asked = [len(server.asked(about)) for about in ("calendar", "partitions", "count")]
    assert (asked, found.queries, len(server.jobs)) == ([1, 2, 1], 4, 4)


def test_a_second_scan_counts_only_tables_without_partitions(scan, server):
    scan()

    again = scan()

    (looked,) = server.asked("count")
    assert set(looked.processed) == {"raw.plain", "daily.plain"}
    assert again.changed == 0


def test_a_scan_stores_its_billed_bytes(scan, server):
    found = scan()

    assert found.bytes_billed == sum(job.bytes_billed for job in server.asked()) > 0


def test_a_date_that_lost_a_row_is_seen_by_the_next_scan(scan, server):
    scan()
    server.say("DELETE FROM daily.t1 WHERE day = DATE '2021-12-11' AND item = 1")

    assert scan().changed == 1
    assert Partition.objects.get(table="daily.t1", date="2021-12-11").state == State.THIN


def test_values_of_a_date_that_changed_are_read_again(scan, server):
    scan()
    server.say("UPDATE daily.t1 SET score = 90 WHERE day = DATE '2021-12-11'")

    scan()

    assert Partition.objects.get(table="daily.t1", date="2021-12-11").quality == 90
    assert Partition.objects.get(table="daily.t1", date="2021-12-12").quality == 60


def test_dates_counted_between_two_scans_are_not_counted_again(scan, pipeline, server):
    scan()
    warehouse = warehouses.open_warehouse(pipeline)
    dates = [FIRST, FIRST + dt.timedelta(days=1)]

    changed = readings.store(snapshots.take_snapshot(pipeline, warehouse, {"daily.t1": dates}).found.values())
    scan()

    (looked,) = server.asked("count")
    assert (changed, set(looked.processed)) == (0, {"raw.plain", "daily.plain"})


def test_a_newly_configured_column_is_read_on_all_dates(scan, pipeline, server):
    plain = [table.model_copy(update={"quality": None}) for table in pipeline.tables]
    before = pipeline.model_copy(update={"tables": tuple(plain)})
    full_scan.scan(before, warehouses.open_warehouse(before), Scan.objects.create())

    scan()

    assert not Partition.objects.filter(table="daily.t1", quality=None).exists()


def test_partitions_keep_their_last_known_state_while_a_quota_is_exhausted(scan, server):
    scan()
    before = list(Partition.objects.values())
    server.refuse("quotaExceeded", times=100)

    assert scan().problem.startswith(
        "The warehouse could not be asked: a quota of BigQuery that it does not name is used up"
    )
    assert list(Partition.objects.values()) == before
    assert all(each.is_outage for each in silent_tables().values())


@pytest.fixture
def look_again(pipeline, monkeypatch) -> Callable[[], None]:
    monkeypatch.setattr(tasks.definition, "current", lambda: pipeline)
    return tasks.look_again


def test_a_bigquery_that_answers_again_is_scanned_at_once(scan, server, look_again):
    scan()
    server.refuse("accessDenied", at_call=True, says="User does not have bigquery.jobs.create permission")
    assert scan().status == Scan.Status.FAILED

    look_again()

    assert (Scan.objects.latest_finished().status, silent_tables()) == (Scan.Status.SUCCEEDED, {})


def test_the_outage_check_of_an_unavailable_bigquery_starts_no_job(scan, server, look_again):
    scan()
    denied = {"at_call": True, "says": "User does not have bigquery.jobs.create permission"}
    server.refuse("accessDenied", times=2, **denied)
    scan()

    look_again()

    assert (Scan.objects.count(), server.jobs) == (2, {})
    look_again()
    assert Scan.objects.latest_finished().status == Scan.Status.SUCCEEDED


def test_the_outage_check_does_nothing_while_a_quota_is_exhausted(scan, server, look_again):
    scan()
    server.refuse("quotaExceeded", times=1)
    scan()

    look_again()

    assert Scan.objects.count() == 2


def test_a_scan_after_a_failed_scan_finds_all_partitions_complete(scan, server):
    scan()
    server.refuse("quotaExceeded", times=1)
    scan()

    scan()

    assert Partition.objects.filter(state=State.COMPLETE, quality=60).count() == 5 * DATES


def test_a_table_that_is_missing_is_a_problem_of_its_own(scan, server):
    server.say("DROP TABLE raw.t1")

    assert scan().problem == "table raw.t1 does not exist in the warehouse"
    assert set(Partition.objects.filter(table="raw.t1").values_list("state", flat=True)) == {State.MISSING}
    assert set(Partition.objects.filter(table="raw.t2").values_list("state", flat=True)) == {State.COMPLETE}


def test_a_scan_stores_a_note_about_rows_without_a_date(scan, server):
    server.say("INSERT INTO raw.t1 VALUES (NULL, 1, 1)")

    assert scan().notes == "raw.t1: rows without a date, which count for none: 1"


def test_pages_make_no_warehouse_queries(server, settings, pipeline, client, operator, first_scan):
    settings.PIPELINE = pipeline.path
    client.force_login(operator)
    server.forget()

    for page in (
        "/",
        "/coverage/",
        "/coverage/2021/",
        "/coverage/scans/",
        "/coverage/partition/daily.t1/2021-12-11/",
    ):
        assert client.get(page).status_code == 200

    assert server.asked() == []


def test_a_verification_reports_that_rows_without_a_date_were_not_queried(scan, pipeline, server, settings):
    settings.PIPELINE = pipeline.path
    scan()
    server.say("INSERT INTO raw.t0 SELECT NULL, 1, 60.0")
    wanted = verifier.scope(pipeline, tables=["raw.t0"], start=FIRST, end=FIRST + dt.timedelta(days=6))
    found = verifier.request(pipeline, wanted, by="olga")
    verifier.perform(pipeline, warehouses.open_warehouse(pipeline), found)
    found.refresh_from_db()
    report, printed = verifier.report_of(found), io.StringIO()
    assert report

    verify.show(terminal(printed, soft_wrap=True), found, report, detailed=False)

    assert report.tables[0].undated is None
    assert "Rows without a date were not asked about, which a scan tells of: raw.t0" in printed.getvalue()
    assert "raw.t0,rows,not asked,0,,,rows without a date were not asked about" in "".join(
        report_files.csv_lines(report)
    )
