"""What people see and do on the pages of pre-flights."""

import json

import pytest
from django_q.models import OrmQ

from apps.runs import tasks
from apps.runs.models import Preflight
from tests.runs.pages.conftest import words

pytestmark = pytest.mark.django_db(transaction=True)


def queued() -> int:
    return OrmQ.objects.filter(key="main").count()


def test_preflight_requested_by_an_operator_is_performed_by_a_worker(operating, workers):
    response = operating.post("/preflight/start/", {"table": "daily.sales", "quick": "on"})

    report = Preflight.objects.get()
    assert response.url == f"/preflight/{report.pk}/" and queued() == 1
    assert (report.status, report.tables, report.quick) == ("queued", ["daily.sales"], True)
    tasks.preflight(report.pk)
    report.refresh_from_db()
    assert report.is_finished and report.requested_by == "olga"


def test_page_of_a_queued_preflight_does_not_query_the_warehouse(operating, shop):
    shop.unlink()
    operating.post("/preflight/start/", {})

    assert "It waits" in words(operating.get(f"/preflight/{Preflight.objects.get().pk}/").content.decode())


def test_a_report_has_its_checks_in_groups_with_remedies(read, checked):
    report = checked(tables=["daily.sales"]).report

    said = read(report.get_absolute_url())

    assert "Not ready : 12 of 13 run, 1 could not be asked . In the way: Workers ." in said.replace(
        "asked.", "asked ."
    ).replace("Workers.", "Workers .")
    failure, _, others = said.partition("Could not be asked 1 check")
    assert "No worker of cluster main has reported yet." in failure and "manage.py serve" in failure
    assert "Pass 11 checks" in others


def test_the_history_has_every_report(read, checked):
    first, second = checked(tables=["daily.sales"]).report, checked(quick=True).report

    said = read("/preflight/")

    assert f"{second.pk} not ready" in said and f"{first.pk} not ready" in said


def test_json_of_a_report_equals_its_stored_results(operating, checked):
    told = checked(tables=["daily.sales"])

    found = operating.get(f"/preflight/{told.report.pk}.json").json()

    assert found == json.loads(json.dumps(told.as_json()))


def test_a_report_under_way_shows_how_far_it_is(operating, checked):
    report = checked(tables=["daily.sales"]).report
    Preflight.objects.filter(pk=report.pk).update(status="running", verdict="", results=report.results[:4])

    page = operating.get(f"/preflight/{report.pk}/live/").content.decode()

    assert "4 of 13 checks asked." in words(page) and 'hx-trigger="every 2s' in page


def test_preflight_whose_worker_died_reports_it_and_stops_polling(operating, checked):
    report = checked(tables=["daily.sales"]).report
    Preflight.objects.filter(pk=report.pk).update(
        status="running", verdict="", results=[], started_at="2024-01-01T00:00Z"
    )

    page = operating.get(f"/preflight/{report.pk}/live/").content.decode()

    assert "its worker died" in page and "every 2s" not in page


def test_wrong_dates_get_a_sentence(operating):
    response = operating.post("/preflight/start/", {"start": "2024-02-01", "end": "2024-01-01"}, follow=True)

    assert "The end 2024-01-01 is before the start 2024-02-01; swap them." in words(response.content.decode())
    assert not Preflight.objects.exists()


@pytest.mark.parametrize("address", ["/preflight/start/", "/preflight/start-for-plan/"])
def test_viewer_may_read_but_not_request_a_preflight(viewing, address):
    assert viewing.post(address, {}).status_code == 403
    assert "Run pre-flight" not in viewing.get("/preflight/").content.decode()


def test_invalid_input_is_reported_and_keeps_the_values_entered(operating):
    typed = {"phase": "2", "start": "2024-01-05", "end": "2024-01-02", "quick": "on"}

    response = operating.post("/preflight/start/", typed)

    page = response.content.decode()
    assert response.status_code == 422 and not Preflight.objects.exists()
    assert 'value="2024-01-05"' in page and '<option value="2" selected>' in page
    assert "2024-01-02" in words(page.partition('class="errors"')[2].partition("</ul>")[0])


def test_query_parameters_fill_the_form_or_are_reported_as_unknown(operating):
    assert '<option value="2" selected>' in operating.get("/preflight/?phase=2").content.decode()
    assert 'no phase "9"' in words(operating.get("/preflight/?phase=9").content.decode())
