"""Asking for a scan, and watching it."""

import datetime as dt
import html

import pytest
from django.utils import timezone
from django_q.models import OrmQ

from apps.coverage.models import Scan
from apps.workers.models import Worker

START = "/coverage/scans/"


@pytest.fixture
def workers(db) -> None:
    """One in each cluster."""
    now = timezone.now()
    for cluster in ("main", "runs"):
        Worker.objects.create(
            name=cluster, cluster=cluster, host="h", pid=1, started_at=now, heartbeat_at=now
        )


@pytest.fixture
def operating(client, operator, shop):
    client.force_login(operator)
    return client


def piece(client, scan: Scan):
    return client.get(f"/coverage/scans/{scan.pk}/", headers={"HX-Request": "true"})


def listed(client) -> str:
    """The list of scans, as one reads it."""
    return html.unescape(" ".join(client.get("/coverage/scans/").content.decode().split()))


def test_an_operator_asks_a_worker(operating, operator):
    operating.post(START)

    assert Scan.objects.get().requested_by == operator
    assert OrmQ.objects.count() == 1


def test_without_javascript_one_sees_the_scan(operating):
    assert operating.post(START).headers["Location"] == f"/coverage/scans/{Scan.objects.get().pk}/"


def test_a_second_wish_joins_the_first(operating):
    operating.post(START)
    operating.post(START)

    assert Scan.objects.count() == 1


def test_a_viewer_may_not(client, viewer, shop):
    client.force_login(viewer)

    assert client.post(START).status_code == 403
    assert not Scan.objects.exists()


def test_a_viewer_does_not_see_the_button(client, viewer, operator, shop):
    client.force_login(viewer)
    assert "Scan now" not in client.get("/coverage/").content.decode()

    client.force_login(operator)
    assert "Scan now" in client.get("/coverage/").content.decode()


def test_a_get_asks_nobody(operating):
    assert operating.get(START).status_code == 200
    assert not Scan.objects.exists()


def test_a_scan_in_the_queue_waits_for_a_worker(operating, workers):
    text = piece(operating, Scan.objects.create()).content.decode()

    assert "waits for a worker" in text and "every 1s" in text


def test_without_a_worker_the_scan_says_how_to_start_one(operating):
    assert "manage.py serve" in piece(operating, Scan.objects.create()).content.decode()


def test_a_scan_says_how_far_it_is(operating):
    row = Scan.objects.create(status=Scan.Status.RUNNING, tables_done=3, tables_total=5)

    assert "Scanned 3 of 5 tables" in piece(operating, row).content.decode()


def test_a_scan_that_is_done_says_what_is_new_and_stops_asking(operating, scan):
    answer = piece(operating, scan())

    text = answer.content.decode()
    assert "Scanned 5 tables: 145 partitions changed" in text
    assert "hx-get" not in text
    assert answer.headers["HX-Trigger"] == "scanned"


def test_a_scan_that_failed_says_why(operating, scan, shop):
    shop.rename(shop.with_suffix(".gone"))

    assert "does not exist" in piece(operating, scan()).content.decode()


def test_the_list_tells_a_past_failure_in_the_past_once_the_warehouse_is_back(operating, scan, shop):
    away = shop.rename(shop.with_suffix(".gone"))
    scan()
    assert f"The warehouse could not be asked: the warehouse file {shop} does not exist." in listed(operating)
    away.rename(shop)

    scan()

    text = listed(operating)
    assert f"The warehouse could not be asked then: “the warehouse file {shop} does not exist”." in text
    assert "It has answered since." in text and "could not be asked: " not in text


def test_the_list_tells_of_a_worker_that_died_as_before(operating, scan):
    Scan.objects.create(status="failed", finished_at=timezone.now(), problem="The worker died.")
    scan()

    text = listed(operating)
    assert "The worker died." in text and "It has answered since." not in text


def test_a_scan_under_way_shows_on_the_pages(operating):
    Scan.objects.create(status=Scan.Status.RUNNING, tables_total=5)

    assert "Asking the warehouse about 5 tables" in operating.get("/coverage/").content.decode()


# The list -----------------------------------------------------------------------------------------


def test_the_list_tells_what_a_scan_took(operating, operator):
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


def test_the_list_says_what_could_not_be_asked(operating):
    Scan.objects.create(status=Scan.Status.FAILED, finished_at=timezone.now(), problem="Nobody answered.")

    assert "Nobody answered." in operating.get(START).content.decode()


def test_who_may_not_scan_sees_the_list_without_the_button(client, viewer, shop):
    client.force_login(viewer)

    page = client.get(START).content.decode()

    assert "No scans yet" in page and "Scan now" not in page
    assert client.post(START).status_code == 403
