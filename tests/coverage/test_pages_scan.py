"""Asking for a scan, and watching it."""

import datetime as dt
import html

from django.utils import timezone
from django_q.models import OrmQ

from apps.coverage.models import Scan

START = "/coverage/scans/"


def piece(client, scan: Scan):
    return client.get(f"/coverage/scans/{scan.pk}/", headers={"HX-Request": "true"})


def listed(client) -> str:
    """The list of scans, as one reads it."""
    return html.unescape(" ".join(client.get("/coverage/scans/").content.decode().split()))


def test_an_operator_queues_a_scan(operating, operator):
    operating.post(START)

    assert Scan.objects.get().requested_by == operator
    assert OrmQ.objects.count() == 1


def test_starting_a_scan_without_javascript_redirects_to_its_page(operating):
    assert operating.post(START).headers["Location"] == f"/coverage/scans/{Scan.objects.get().pk}/"


def test_a_second_request_joins_the_queued_scan(operating):
    operating.post(START)
    operating.post(START)

    assert Scan.objects.count() == 1


def test_a_viewer_cannot_start_a_scan(viewing):
    assert viewing.post(START).status_code == 403
    assert not Scan.objects.exists()


def test_a_viewer_does_not_see_the_button(client, viewer, operator, shop):
    client.force_login(viewer)
    assert "Scan now" not in client.get("/coverage/").content.decode()

    client.force_login(operator)
    assert "Scan now" in client.get("/coverage/").content.decode()


def test_a_get_request_starts_no_scan(operating):
    assert operating.get(START).status_code == 200
    assert not Scan.objects.exists()


def test_a_scan_in_the_queue_waits_for_a_worker(operating, workers):
    text = piece(operating, Scan.objects.create()).content.decode()

    assert "waits for a worker" in text and "every 1s" in text


def test_a_queued_scan_shows_how_to_start_a_worker_if_there_is_none(operating):
    assert "manage.py serve" in piece(operating, Scan.objects.create()).content.decode()


def test_a_running_scan_shows_its_progress(operating):
    row = Scan.objects.create(status=Scan.Status.RUNNING, tables_done=3, tables_total=5)

    assert "Scanned 3 of 5 tables" in piece(operating, row).content.decode()


def test_a_finished_scan_shows_its_changes_and_stops_polling(operating, scan):
    answer = piece(operating, scan())

    text = answer.content.decode()
    assert "Scanned 5 tables: 145 partitions changed" in text
    assert "hx-get" not in text
    assert answer.headers["HX-Trigger"] == "scanned"


def test_a_failed_scan_shows_the_reason(operating, scan, shop):
    shop.rename(shop.with_suffix(".gone"))

    assert "does not exist" in piece(operating, scan()).content.decode()


def test_failure_is_past_once_the_warehouse_answers(operating, scan, shop):
    away = shop.rename(shop.with_suffix(".gone"))
    scan()
    assert f"The warehouse could not be asked: the warehouse file {shop} does not exist." in listed(operating)
    away.rename(shop)

    scan()

    text = listed(operating)
    assert f"The warehouse could not be asked then: “the warehouse file {shop} does not exist”." in text
    assert "It has answered since." in text and "could not be asked: " not in text


def test_the_list_does_not_show_a_dead_worker_as_a_past_outage(operating, scan):
    Scan.objects.create(status="failed", finished_at=timezone.now(), problem="The worker died.")
    scan()

    text = listed(operating)
    assert "The worker died." in text and "It has answered since." not in text


def test_a_scan_under_way_shows_on_the_pages(operating):
    Scan.objects.create(status=Scan.Status.RUNNING, tables_total=5)

    assert "Asking the warehouse about 5 tables" in operating.get("/coverage/").content.decode()


# The list -----------------------------------------------------------------------------------------


def test_the_list_shows_the_duration_queries_and_bytes_of_a_scan(operating, operator):
    begun = timezone.now()
    Scan.objects.create(
        status=Scan.Status.SUCCEEDED,
        requested_by=operator,
        started_at=begun,
        finished_at=begun + dt.timedelta(seconds=2.5),
        tables_done=3,
        tables_total=3,
        queries=4,
        bytes_billed=20 * 1024**2,
        notes="daily.sales: rows without a date, which count for none: 2",
    )

    page = " ".join(operating.get(START).content.decode().split())

    for said in ("3 of 3", "4</td>", "20.0 MB", "2.5 s", "by olga", "rows without a date"):
        assert said in page


def test_the_list_shows_the_problem_of_a_failed_scan(operating):
    Scan.objects.create(status=Scan.Status.FAILED, finished_at=timezone.now(), problem="Nobody answered.")

    assert "Nobody answered." in operating.get(START).content.decode()


def test_a_viewer_sees_the_list_without_the_button(viewing):
    page = viewing.get(START).content.decode()

    assert "No scans yet" in page and "Scan now" not in page
