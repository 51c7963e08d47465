"""What an operator learns about one table on one date."""

import pytest
from django.utils import timezone

from apps.coverage.models import Partition
from apps.coverage.scanning import changed_rules
from apps.pipeline import definition
from tests.conftest import day

SALES = "/coverage/partition/daily.sales/2024-01-05/"
TREND = "/coverage/partition/weekly.trend/2024-01-09/"


def test_rows_are_shown_against_the_expected_number(scan, fill, read):
    fill("daily.sales", "01-05", rows=3)
    scan()

    text = read(SALES)

    assert "<b>3</b> of 8 expected" in text
    assert "3 rows, expected 8." in text


CLOSED = "/coverage/partition/daily.sales/2024-01-07/"
FIRST_DAYS = "/coverage/partition/weekly.trend/2024-01-02/"


@pytest.mark.parametrize(
    ("address", "says"),
    [
        pytest.param(SALES, "<dt>Orders</dt><dd>4</dd>", id="units with their name"),
        pytest.param(FIRST_DAYS, "<b>0</b>, none expected", id="no rows expected in the first days"),
        pytest.param(SALES, 'hx-get="/runs/partition/daily.sales/2024-01-05/"', id="attempts of the runs"),
        pytest.param(
            SALES, "?table=daily.sales&amp;start=2024-01-05&amp;end=2024-01-05", id="a plan of the date"
        ),
        pytest.param(CLOSED, "the calendar does not expect this date", id="a closed day"),
    ],
)
def test_the_page_shows_what_is_known_of_the_date(read, address, says, first_scan):
    assert says in read(address)


def test_an_unknown_date_shows_the_range_that_the_rule_expects(scan, fill, rewrite, read):
    fill("daily.sales", "01-05", rows=9)
    scan()
    rewrite('key = ["item"]', 'key = ["item", "day"]')
    rewrite("per_unit = [2, 2]", "per_unit = [1.5, 3]")
    changed_rules.apply_rule_changes(definition.current())

    text = read(SALES)

    assert "not counted yet" in text
    assert "<b>9</b> of 6 to 12 expected" in text


def test_a_date_shows_no_expectation_if_its_reference_table_cannot_be_read(scan, fill, ask, read):
    fill("daily.visits", "01-05", rows=4)
    ask("ALTER TABLE daily.sales RENAME day TO gone")
    scan()

    text = read("/coverage/partition/daily.visits/2024-01-05/")

    assert "<b>4</b>" in text
    assert "none expected" not in text


def test_the_page_links_to_the_scan_that_read_the_partition(scan, read):
    done = scan()

    assert f"/coverage/scans/{done.pk}/" in read(SALES)


def test_the_page_does_not_link_to_the_scan_if_the_partition_was_read_later(scan, read):
    done = scan()
    Partition.objects.filter(table="daily.sales", date=day("01-05")).update(read_at=timezone.now())

    assert f"/coverage/scans/{done.pk}/" not in read(SALES)


def test_inputs_show_how_many_of_their_dates_are_complete(scan, fill, read):
    fill("daily.sales", "01-08")
    scan()

    text = read(TREND)

    # 6 to 9 January without the closed 7th; of the other input only the date itself.
    assert "1 of 3<" in text and "0 of 1<" in text


def test_the_sources_of_a_need_show_their_state_on_the_date(scan, ask, read):
    ask("DELETE FROM raw.orders WHERE day = ?", day("01-05"))
    scan()

    text = read(SALES)

    assert "<h3>Orders</h3>" in text
    assert text.index("orders</a>") < text.index("state-missing", text.index("<h3>Orders"))


@pytest.mark.parametrize(
    "address", ["/coverage/partition/raw.orders/2024-01-05/", "/coverage/partition/daily.sales/2024-01-07/"]
)
def test_a_source_and_a_closed_day_cannot_be_planned(read, address, first_scan):
    assert "Plan this date" not in read(address)


def test_an_htmx_request_returns_a_fragment_and_a_plain_request_a_page(read, first_scan):
    assert "<h1>" in read(SALES)
    assert "<h1>" not in read(SALES, HX_Request="true")


def test_table_and_date_redirect_to_the_page_of_the_partition(viewing, first_scan):
    found = viewing.get("/coverage/partition/", {"table": "sales", "date": "2024-01-05"})

    assert found.headers["Location"] == SALES


@pytest.mark.parametrize(
    "rest",
    [
        "nobody.knows/2024-01-05/",
        "daily.sales/yesterday/",
        "daily.sales/2024-02-30/",
        "weekly.trend/0001-01-01/",  # its lookback would begin before the calendar does
        "daily.sales/",
        "?table=nobody.knows&date=2024-01-05",
        "?table=daily.sales&date=never",
        "",
    ],
)
def test_an_invalid_table_or_date_is_not_found(viewing, rest):
    assert viewing.get(f"/coverage/partition/{rest}").status_code == 404


def test_an_unreadable_table_shows_the_reason(scan, ask, read):
    ask("ALTER TABLE daily.sales RENAME COLUMN day TO date")
    scan()

    text = read(SALES)

    assert "no column day" in text and "<dt>Rows</dt><dd>unknown" in text


def test_an_outage_shows_the_last_known_rows_and_the_reason_only_once(scan, ask, shop, read):
    ask("INSERT INTO weekly.trend VALUES (?, 50)", day("01-09"))
    scan()
    shop.rename(shop.with_suffix(".gone"))
    scan()

    text = read(TREND)

    assert "<dt>Rows</dt><dd><b>1</b> of 1 expected" in text
    assert text.count("the warehouse has not answered since") == 1 and "..<" not in text


def test_the_page_does_not_show_nothing_expected_before_the_first_scan(read, shop):
    text = read(SALES)

    assert "none expected" not in text and "does not expect" not in text


def test_queries_do_not_grow_with_the_inputs(read, django_assert_max_num_queries, first_scan):
    with django_assert_max_num_queries(20) as without_inputs:
        read(SALES)

    with django_assert_max_num_queries(len(without_inputs)):
        read(TREND)


@pytest.mark.parametrize("date", ["2024-01-07", "1999-01-01"])
def test_a_date_that_the_calendar_does_not_have_is_not_expected(read, date, first_scan):
    text = read(f"/coverage/partition/daily.sales/{date}/")

    assert 'state-not_expected">not expected</span>' in text
    assert "none: the calendar does not expect this date" in text
