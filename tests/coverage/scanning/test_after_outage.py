"""After a failure the warehouse is looked at again within a minute, by a cheap question."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.utils import timezone
from django_q.models import Schedule

from apps import timing
from apps.coverage import tasks
from apps.coverage.counts import freshness
from apps.coverage.counts.freshness import silent_tables
from apps.coverage.models import Scan
from apps.warehouse.duckdb import DuckDBWarehouse

CALL = "the call of run 7 (sales, attempt 1)"


@pytest.fixture
def away(scan, shop) -> Path:
    """Where the warehouse file went before a scan."""
    scan()
    gone = shop.rename(shop.with_suffix(".gone"))
    scan()
    return gone


@pytest.fixture
def scan_in_use(pipeline, scan, warehouse, shop, transactional_db) -> Callable[[], Scan]:
    """Scans while the call of run 7 has its turn."""
    scan()
    other = DuckDBWarehouse(shop)
    warehouse.turns.patience = 0.0

    def run() -> Scan:
        with other.turn_of_call(CALL, owner="", stopped=lambda: False):
            return scan()

    return run


def scans() -> list[str]:
    return list(Scan.objects.order_by("pk").values_list("status", flat=True))


@pytest.mark.django_db
def test_the_outage_check_is_scheduled_every_minute():
    looks = Schedule.objects.get(func="apps.coverage.tasks.look_again")

    assert (looks.minutes, looks.cluster) == (1, "main")


def test_a_warehouse_that_is_back_is_scanned_at_once(away, shop):
    away.rename(shop)

    tasks.look_again()

    assert (scans(), silent_tables()) == (["succeeded", "failed", "succeeded"], {})
    assert freshness.now().problem == ""


def test_the_outage_check_adds_no_failed_scan_while_the_warehouse_is_unreachable(away):
    tasks.look_again()

    assert scans() == ["succeeded", "failed"]
    assert silent_tables()["daily.sales"].is_outage


def test_the_outage_check_does_nothing_after_a_successful_scan(shop, first_scan):
    shop.unlink()

    tasks.look_again()

    assert scans() == ["succeeded"]


def test_the_outage_check_does_nothing_if_a_single_table_is_unreadable(scan, ask):
    ask("ALTER TABLE daily.sales RENAME COLUMN item TO thing")
    scan()

    tasks.look_again()

    assert scans() == ["succeeded"]


def test_the_outage_check_performs_a_scan_that_is_already_queued(away, shop):
    waiting = tasks.scan_later()
    away.rename(shop)

    tasks.look_again()

    assert scans() == ["succeeded", "failed", "succeeded"]
    assert Scan.objects.get(pk=waiting.pk).status == Scan.Status.SUCCEEDED


def test_the_outage_check_starts_no_scan_while_one_is_running(away, shop):
    Scan.objects.create(status=Scan.Status.RUNNING, started_at=timezone.now())
    away.rename(shop)

    tasks.look_again()

    assert scans() == ["succeeded", "failed", "running"]


def test_an_outage_is_shown_in_the_past_tense_while_the_warehouse_is_read_again(away, shop, monkeypatch):
    away.rename(shop)
    told = []
    monkeypatch.setattr(tasks.full_scan, "scan", lambda *_: told.append(freshness.now().sentences[0]))

    tasks.look_again()

    assert "the warehouse did not answer from" in told[0]
    assert "it answers again and is read now" in told[0]
    assert "has not answered" not in told[0]


# A call of the console's own that has the file ---------------------------------------------------------


def test_a_warehouse_file_in_use_by_a_call_is_not_shown_as_an_outage(scan_in_use, viewing):
    failed = scan_in_use()

    page = viewing.get("/").content.decode()
    assert f"{CALL} has its turn with the warehouse file" in failed.problem
    assert "That is no outage" in page and "has not answered since" not in page
    assert "That is no outage" in freshness.now().sentences[0]
    sales = silent_tables()["daily.sales"]
    since = f"{sales.silent_since:%H:%M} UTC"
    assert not sales.is_outage and f"; not read since {since}: {CALL}" in sales.silence_in_words()


def test_the_outage_check_repeats_a_blocked_scan_once_the_call_has_ended(scan_in_use):
    scan_in_use()

    tasks.look_again()

    assert scans() == ["succeeded", "failed", "succeeded"]
    assert silent_tables() == {}


def test_the_outage_check_changes_nothing_while_the_call_is_running(scan_in_use, shop, monkeypatch):
    scan_in_use()
    monkeypatch.setattr(timing, "OUTAGE_CHECK_TURN", 0.0)

    with DuckDBWarehouse(shop).turn_of_call(CALL, owner="", stopped=lambda: False):
        tasks.look_again()

    assert scans() == ["succeeded", "failed"]
    assert silent_tables()["daily.sales"].awaited == "turn"


@pytest.mark.parametrize("address", ["/coverage/accepted/", "/coverage/calendar/", "/sources/windows/"])
def test_pages_without_a_map_show_no_outage_either(scan_in_use, viewing, address):
    scan_in_use()

    assert "That is no outage" in " ".join(viewing.get(address).content.decode().split())
