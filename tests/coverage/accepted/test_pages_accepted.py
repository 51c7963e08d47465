"""What people do with accepted gaps in the browser."""

import csv
import json

import pytest

from apps.coverage.models import AcceptedGap, Partition
from tests.conftest import day

LIST = "/coverage/accepted/"
NEW = "/coverage/accepted/new/"
CELL = "/coverage/partition/daily.sales/2024-01-05/"
GAP = {"table": "daily.sales", "start": "2024-01-05", "end": "2024-01-05"}
FROM_ITS_PANEL = {**GAP, "cell": "daily.sales 2024-01-05"}
WEEK = {"table": "daily.sales", "start": "2024-01-02", "end": "2024-01-08"}  # 6 dates: the 7th is closed


@pytest.fixture
def olga(operating, first_scan):
    """An operator's browser, with the shop scanned."""
    return operating


@pytest.fixture
def accepted(olga) -> AcceptedGap:
    """Six gaps of one table, accepted."""
    olga.post(NEW, {**WEEK, "reason": "the till was broken", "seen": 6})
    return AcceptedGap.objects.get()


def text(response) -> str:
    return response.content.decode()


def state(date: str) -> str:
    return Partition.objects.get(table="daily.sales", date=day(date)).state


# Accepting ----------------------------------------------------------------------------------------


def test_the_form_shows_how_many_gaps_will_be_accepted(olga):
    page = text(olga.get(NEW, WEEK))

    assert "Accept 6 gaps" in page and 'name="seen" value="6"' in page
    assert not AcceptedGap.objects.exists()


def test_changing_the_dates_refreshes_only_the_number_of_gaps(olga):
    piece = text(olga.get(NEW, WEEK, headers={"HX-Request": "true", "HX-Target": "outlook"}))

    assert "Accept 6 gaps" in piece and "<h1>" not in piece


def test_confirmed_gaps_are_accepted_and_listed(olga):
    page = text(olga.post(NEW, {**WEEK, "reason": "the till was broken", "seen": 6}, follow=True))

    assert "6 gaps are accepted" in page and "the till was broken" in page and "olga" in page
    assert state("01-02") == "accepted"


@pytest.mark.parametrize("reason", ["", "   "])
def test_without_a_reason_nothing_is_accepted(olga, reason):
    response = olga.post(NEW, {**WEEK, "reason": reason, "seen": 6})

    assert response.status_code == 422 and "Write why" in text(response)
    assert state("01-02") == "missing"


def test_a_request_without_the_number_seen_shows_the_number_first(olga):
    response = olga.post(NEW, {**WEEK, "reason": "the till was broken"})

    assert "Accept 6 gaps" in text(response) and "the till was broken" in text(response)
    assert state("01-02") == "missing"


def test_the_refusal_names_the_run_that_is_about_to_fill_the_gap(olga):
    Partition.objects.filter(table="daily.sales", date=day("01-05")).update(activity="queued", run_id=7)

    response = olga.post(NEW, {**GAP, "reason": "why", "seen": 1})

    assert response.status_code == 422 and "Run 7 is about to fill 1" in text(response)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"end": "2024-01-01"}, "swap them"),
        ({"table": "nobody.knows"}, "There is no table"),
        ({"start": "yesterday"}, "Write a date of the calendar"),
        ({"start": ""}, "Write the first date"),
        ({"until": "2024-01-31"}, "is past"),
    ],
)
def test_an_invalid_request_is_rejected_with_a_remedy(olga, wrong, sentence):
    response = olga.post(NEW, {**WEEK, "reason": "why", "seen": 6, **wrong})

    assert response.status_code == 422 and sentence in text(response)
    assert not AcceptedGap.objects.exists()


@pytest.mark.parametrize("query", [{}, {"table": "nobody.knows", **WEEK}, {"start": "x", "end": "y"}])
def test_an_incomplete_or_invalid_address_shows_the_form(olga, query):
    page = olga.get(NEW, query)

    assert page.status_code == 200 and "<h1>Accept gaps</h1>" in text(page)


def test_a_viewer_may_look_and_neither_accept_nor_withdraw(accepted, viewing):
    assert "/withdraw/" not in text(viewing.get(LIST)) and "Accept gaps" not in text(viewing.get(LIST))
    assert viewing.get(NEW).status_code == 403
    assert viewing.post(NEW, {**WEEK, "reason": "why", "seen": 6}).status_code == 403
    assert viewing.post(f"{LIST}{accepted.pk}/withdraw/").status_code == 403


# From a cell --------------------------------------------------------------------------------------


def test_a_cell_can_be_accepted_from_its_panel(olga):
    assert "Accept this gap" in text(olga.get(CELL))

    panel = olga.post(NEW, {**FROM_ITS_PANEL, "reason": "flood", "seen": 1}, headers={"HX-Request": "true"})

    assert "flood" in text(panel) and "state-accepted" in text(panel) and "<h1>" not in text(panel)
    assert panel.headers["HX-Trigger"] == "scanned"


def test_accepting_a_cell_without_javascript_redirects_to_its_page(olga):
    response = olga.post(NEW, {**FROM_ITS_PANEL, "reason": "flood", "seen": 1})

    assert response.headers["Location"] == CELL


def test_the_panel_shows_why_a_gap_was_not_accepted(olga):
    Partition.objects.filter(table="daily.sales", date=day("01-05")).update(activity="running", run_id=7)
    panel = text(
        olga.post(NEW, {**FROM_ITS_PANEL, "reason": "flood", "seen": 1}, headers={"HX-Request": "true"})
    )

    assert "Run 7 is about to fill 1" in panel


def test_the_panel_shows_who_accepted_the_gap_why_and_until_when(accepted, read):
    AcceptedGap.objects.update(until="2030-01-31")

    panel = read(CELL)

    assert "the till was broken" in panel and "olga" in panel and "2030-01-31" in panel
    assert "No rows, expected 8" in panel and "Plan this date" not in panel


def test_a_selection_and_a_range_lead_to_the_form(olga):
    page = text(olga.get("/coverage/winter/"))

    assert f'data-accept="{NEW}"' in page
    assert f"{NEW}?table=daily.sales&amp;start=2024-01-01&amp;end=2024-01-20" in page
    assert json.loads(olga.get("/coverage/winter/heatmap.json").content)["gaps"] == "mtesf"


# The season's page --------------------------------------------------------------------------------


def test_accepted_gaps_leave_the_list_of_gaps_and_stay_in_the_legend(accepted, read):
    page = read("/coverage/winter/?table=daily.sales")

    assert "Plan the gaps" in page and "2 ranges" in page and "6 accepted" in page
    assert 'state-accepted"></i> accepted <b>6</b>' in page


def test_filtering_by_accepted_links_to_the_list_of_accepted_gaps(accepted, read):
    assert f'href="{LIST}?table=daily.sales"' in read("/coverage/winter/?state=accepted")


# The list -----------------------------------------------------------------------------------------


def test_an_empty_list_shows_that_nothing_is_accepted(read, shop):
    assert "Nothing is accepted" in read(LIST)


@pytest.mark.parametrize(
    ("query", "is_there"),
    [
        ("table=daily.sales", True),
        ("table=daily.visits", False),
        ("season=winter", True),
        ("season=spring", False),
        ("status=standing", True),
        ("status=expired", False),
        ("status=withdrawn", False),
        ("season=nobody&table=knows&status=odd&page=99", True),
    ],
)
def test_the_list_is_filtered(accepted, read, query, is_there):
    assert ("the till was broken" in read(f"{LIST}?{query}")) == is_there


def test_standing_acceptances_are_listed_first_and_newest_first(accepted, olga):
    for date, reason in (("2024-01-10", "second"), ("2024-01-12", "third")):
        olga.post(NEW, {"table": "daily.sales", "start": date, "end": date, "reason": reason, "seen": 1})
    olga.post(f"{LIST}{AcceptedGap.objects.get(reason='third').pk}/withdraw/")

    page = text(olga.get(LIST))

    assert page.index("second") < page.index("the till was broken") < page.index("third")


def test_an_expired_acceptance_is_marked_as_expired(accepted, read):
    AcceptedGap.objects.update(until="2024-02-01")

    page = read(f"{LIST}?status=expired")

    assert ">expired<" in page and "2024-02-01" in page


def test_the_list_shows_how_many_accepted_gaps_are_complete_by_now(accepted, scan, fill, read):
    fill("daily.sales", "01-02")
    scan()

    assert "1 complete since" in read(LIST)


def test_a_withdrawn_acceptance_shows_who_withdrew_it_and_why(accepted, olga):
    page = text(olga.post(f"{LIST}{accepted.pk}/withdraw/", {"reason": "mended"}, follow=True))

    assert "6 partitions are what was last read" in page
    assert "by olga: mended" in page and ">withdrawn<" in page
    assert state("01-02") == "missing"


def test_a_second_withdrawal_reports_that_it_is_withdrawn_already(accepted, olga):
    olga.post(f"{LIST}{accepted.pk}/withdraw/")

    assert "withdrawn already" in text(olga.post(f"{LIST}{accepted.pk}/withdraw/", follow=True))


def test_withdrawing_from_a_panel_brings_the_panel_back(accepted, olga):
    form = {"cell": "daily.sales 2024-01-05"}

    panel = olga.post(f"{LIST}{accepted.pk}/withdraw/", form, headers={"HX-Request": "true"})

    assert "Accept this gap" in text(panel) and "state-missing" in text(panel)


@pytest.mark.parametrize("cell", ["daily.sales", "nobody.knows 2024-01-05", "daily.sales 2024-02-30", ""])
def test_an_unknown_cell_is_not_found(accepted, olga, cell):
    assert olga.post(f"{LIST}{accepted.pk}/withdraw/", {"cell": cell}).status_code == 404


def test_an_unknown_acceptance_is_not_found(olga):
    assert olga.post(f"{LIST}99/withdraw/").status_code == 404


def test_the_list_can_be_downloaded_as_csv_and_json(accepted, olga):
    (line,) = csv.DictReader(
        b"".join(olga.get(f"{LIST}accepted.csv").streaming_content).decode().splitlines()
    )
    (same,) = json.loads(b"".join(olga.get(f"{LIST}accepted.json").streaming_content))

    assert line["dates"] == "daily.sales: 2024-01-02 to 2024-01-08"
    assert (line["status"], line["partitions"], line["reason"]) == ("standing", "6", "the till was broken")
    assert (same["tables"], same["still_accepted"], same["until"]) == (["daily.sales"], 6, None)


def test_a_reason_that_looks_like_a_formula_is_escaped_in_the_csv(accepted, olga):
    AcceptedGap.objects.update(reason="=cmd()")

    assert "'=cmd()" in b"".join(olga.get(f"{LIST}accepted.csv").streaming_content).decode()


@pytest.mark.parametrize("address", [LIST, f"{NEW}?table=daily.sales&start=2024-01-01&end=2024-01-20"])
def test_queries_do_not_grow_with_the_number_of_acceptances(
    accepted, olga, address, django_assert_max_num_queries
):
    with django_assert_max_num_queries(12) as few:
        olga.get(address)
        number = len(few)
    for date in ("2024-01-10", "2024-01-12", "2024-01-14"):
        olga.post(NEW, {"table": "daily.sales", "start": date, "end": date, "reason": "why", "seen": 1})
    assert AcceptedGap.objects.count() == 4
    olga.get(LIST)  # tells what was accepted last

    with django_assert_max_num_queries(number):
        olga.get(address)


# Single dates -------------------------------------------------------------------------------------

SOME = {**WEEK, "dates": "2024-01-02, 2024-01-04 to 2024-01-05, 2024-01-20"}


def test_a_link_may_name_single_dates_of_the_range(olga):
    page = text(olga.get(NEW, SOME))

    assert "Accept 3 gaps" in page and 'value="2024-01-02, 2024-01-04 to 2024-01-05, 2024-01-20"' in page


def test_only_the_single_dates_named_are_accepted(olga):
    olga.post(NEW, {**SOME, "reason": "the till was broken", "seen": 3})

    assert [state(f"01-0{number}") for number in (2, 3, 4, 5)] == [
        "accepted",
        "missing",
        "accepted",
        "accepted",
    ]
    assert AcceptedGap.objects.get().dates == {
        "daily.sales": [["2024-01-02", "2024-01-02"], ["2024-01-04", "2024-01-05"]]
    }


@pytest.mark.parametrize(
    ("dates", "sentence"),
    [
        ("soon", "Write dates such as"),
        ("2024-01-05 to", "Write dates such as"),
        ("2024-01-05 to 2024-01-02", "swap them"),
        ("2024-01-20", "None of the dates lies from 2024-01-02 to 2024-01-08."),
        (", ".join(["2024-01-02"] * 61), "61 ranges are too many"),
    ],
)
def test_invalid_single_dates_are_rejected_with_a_message(olga, dates, sentence):
    response = olga.post(NEW, {**WEEK, "dates": dates, "reason": "why", "seen": 6})

    assert response.status_code == 422 and sentence in text(response)
    assert not AcceptedGap.objects.exists()
