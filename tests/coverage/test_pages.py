"""What an operator does on the coverage pages."""

import pytest
from django.urls import reverse

from apps.coverage.models import Partition
from apps.coverage.views import maps
from tests.conftest import day

WINTER = "/coverage/winter/"


@pytest.mark.parametrize(
    "address",
    [
        "/coverage/",
        "/coverage/winter/",
        "/coverage/winter/heatmap.json",
        "/coverage/calendar/",
        "/coverage/accepted/",
        "/coverage/accepted/new/",
        "/coverage/accepted/accepted.csv",
        "/coverage/accepted/accepted.json",
        "/sources/",
        "/sources/windows/",
        "/verify/",
        "/verify/1/",
        "/preflight/",
    ],
)
def test_pages_are_for_people_who_are_logged_in(client, shop, db, address):
    assert client.get(address).status_code == 302


def test_a_season_shows_its_expected_dates_and_the_time_of_the_last_scan(scan, read):
    done = scan()

    text = read(WINTER)

    assert "19 expected dates, 2024-01-01 to 2024-01-20" in text
    assert f"{done.finished_at:%Y-%m-%dT%H:%M:%SZ}" in text


def test_all_seasons_are_on_one_page(read, first_scan):
    text = read("/coverage/")

    assert "29 expected dates" in text
    assert "/coverage/winter/heatmap.json" in text and "/coverage/spring/heatmap.json" in text


def test_gaps_are_listed_as_ranges_that_closed_days_do_not_split(scan, fill, read):
    fill("daily.sales", "01-12")
    scan()

    text = read(f"{WINTER}?table=daily.sales")

    assert "2 ranges" in text
    assert "2024-01-01" in text and "2024-01-11" in text  # over the closed 7 January
    assert ">10</td>" in text


def test_a_gap_of_a_single_date_shows_its_reason(scan, fill, read):
    fill("daily.sales", "01-05", rows=1)
    scan()

    assert "1 rows, expected 8" in read(WINTER)


def test_a_range_leads_to_its_plan(read, first_scan):
    link = f"{reverse('runs:new')}?table=daily.sales&amp;start=2024-01-01&amp;end=2024-01-20"

    assert link in read(WINTER)


def test_sources_are_listed_but_nothing_can_be_planned_for_them(scan, ask, read):
    ask("DELETE FROM raw.orders WHERE day = ?", day("01-05"))
    scan()

    text = read(f"{WINTER}?table=raw.orders")

    assert "no rows, expected at least 1" in text
    assert "table=raw.orders&amp;start" not in text


def test_rows_on_a_closed_day_are_listed(scan, fill, read):
    fill("daily.sales", "01-07")
    scan()

    assert "the calendar does not expect this date" in read(f"{WINTER}?state=unexpected")


def test_a_partition_of_a_run_links_to_the_run(read, first_scan):
    Partition.objects.filter(table="daily.sales", date=day("01-03")).update(activity="failed", run_id=7)

    assert reverse("runs:detail", args=[7]) in read(f"{WINTER}?state=failed")


def test_the_button_plans_the_gaps_that_the_page_shows(read, first_scan):
    # sales and visits on 19 dates each; trend on 16, as the first three days of a season are left out.
    assert "Plan the gaps" in read(WINTER)
    assert "Plan the gaps" in read(f"{WINTER}?phase=3")


def test_a_filter_applies_to_ranges_legend_and_map(scan, fill, read):
    fill("daily.sales", "01-05")
    scan()

    text = read(f"{WINTER}?table=daily.sales&state=complete")

    assert "1 range<" in text and "Complete, as ranges" in text
    assert "heatmap.json?table=daily.sales&amp;state=complete" in text


def test_the_filter_form_remembers_what_was_chosen(read, first_scan):
    text = read(f"{WINTER}?table=daily.sales&from=2024-01")

    assert '<option value="daily.sales" selected>' in text
    assert '<option value="2024-01" selected>' in text


@pytest.mark.parametrize("query", ["phase=9", "table=nobody.knows", "state=odd", "from=2024-13", "page=999"])
def test_unknown_filter_values_are_ignored(read, query, first_scan):
    assert "19 expected dates" in read(f"{WINTER}?{query}")


def test_the_mode_is_in_the_address(read, first_scan):
    assert 'data-mode="age" aria-current="true"' in read(f"{WINTER}?mode=age")


def test_long_lists_have_pages(read, monkeypatch, first_scan):
    monkeypatch.setattr(maps, "RANGES_A_PAGE", 2)

    first = read("/coverage/?mode=age&table=")

    # Two daily tables and the weekly one, in two seasons each.
    assert "1 to 2 of 6 ranges" in first and 'href="?mode=age&amp;table=&amp;page=2"' in first
    assert "5 to 6 of 6 ranges" in read("/coverage/?page=3")


def test_the_page_shows_that_the_warehouse_was_not_scanned_yet(read, shop):
    text = read(WINTER)

    assert "never scanned" in text
    assert "The warehouse was not scanned yet" in text


def test_the_problem_of_the_last_scan_is_shown(scan, ask, read):
    ask("DROP TABLE daily.visits")
    scan()

    assert "daily.visits does not exist" in read(WINTER)


@pytest.mark.parametrize("address", ["/coverage/", WINTER, f"{WINTER}?table=daily.sales"])
def test_an_unreachable_warehouse_leaves_the_last_known_state_marked_as_such(outage, read, address):
    text = read(address)

    assert f"<b>0</b> / {19}" in text
    assert text.count('class="strip-row"') == 0 < text.count('class="strip-row last-known"')
    assert text.count("last known at") > text.count("last-known")


def test_an_outage_is_shown_with_its_start_and_its_reason(outage, read):
    text = read(WINTER).partition("<body")[2]

    assert f'has not answered since <time datetime="{outage.finished_at:%Y-%m-%dT%H:%M:%SZ}"' in text
    assert f"{outage.reason}. What is shown, percentages too, was last known at" in text and ".." not in text


def test_the_age_is_that_of_the_last_reading(first_scan, outage, read):
    assert f'last read <time datetime="{first_scan.finished_at:%Y-%m-%dT%H:%M:%SZ}"' in " ".join(
        read(WINTER).split("  ")
    )


def test_a_warehouse_that_never_answered_is_not_called_never_scanned(scan, shop, read):
    shop.rename(shop.with_suffix(".gone"))
    scan()

    text = read(WINTER)

    assert "Expected dates unknown" in text and "never read" in text
    assert "was not scanned yet" not in text


def test_an_empty_list_of_an_unreadable_table_shows_that_partitions_are_unknown(scan, ask, read):
    ask("ALTER TABLE daily.visits RENAME COLUMN day TO date")
    scan()

    text = read(f"{WINTER}?table=daily.visits&state=missing")

    assert "No date of these tables is known to be in such a state" in text
    assert "partitions unknown" in text


def test_unknown_partitions_are_counted_beside_complete_ones(scan, fill, read):
    fill("daily.sales", "01-05")
    scan()
    Partition.objects.filter(table="daily.sales", date=day("01-08")).update(state="unknown")

    text = read(WINTER)

    assert '<b>1</b> / 19 · <span class="state-text state-unknown">1 unknown</span>' in text
    assert "sales: 1 of 19 complete, 1 unknown" in text


def test_a_refresh_returns_the_ranges_and_the_facts(read, first_scan):
    piece = read(WINTER, HX_Request="true", HX_Target="live")

    assert "as ranges" in piece and "<h1>" not in piece
    assert 'id="facts" hx-swap-oob="true"' in piece


def test_a_refresh_without_news_is_empty(viewing, first_scan):
    piece = viewing.get(WINTER, headers={"HX-Target": "live"}).content.decode()
    version = piece.partition('"version": "')[2].partition('"')[0]

    again = viewing.get(WINTER, {"version": version}, headers={"HX-Target": "live"})

    assert again.status_code == 204


def test_a_refresh_after_changes_returns_content(scan, fill, viewing):
    scan()
    piece = viewing.get(WINTER, headers={"HX-Target": "live"}).content.decode()
    version = piece.partition('"version": "')[2].partition('"')[0]
    fill("daily.sales", "01-05")
    scan()

    again = viewing.get(WINTER, {"version": version}, headers={"HX-Target": "live"})

    assert again.status_code == 200


def test_the_page_refreshes_often_while_a_run_fills_it(read, first_scan):
    assert "every 30s" in read(WINTER)

    Partition.objects.filter(table="daily.sales", date=day("01-03")).update(activity="running", run_id=7)

    assert "every 3s" in read(WINTER)


def test_queries_do_not_grow_with_the_data(scan, fill, read, django_assert_max_num_queries):
    scan()
    with django_assert_max_num_queries(30) as few:
        read(WINTER)
    for date in range(1, 21):
        if date != 7:
            fill("daily.sales", f"01-{date:02}", rows=date)
    scan()

    with django_assert_max_num_queries(len(few)):
        read(WINTER)


@pytest.mark.parametrize(
    "address",
    [
        "/coverage/",
        "/coverage/winter/",
        "/coverage/winter/?state=failed",
        "/coverage/?mode=age",
        "/sources/",
        "/sources/?off=raw.orders",
        "/sources/windows/",
    ],
)
def test_pages_have_no_inline_script_or_style(read, address, first_scan):
    text = read(address)

    assert "style=" not in text and "<script>" not in text and "<style" not in text
