"""A mail when complete dates lose rows."""

import csv
from io import StringIO

import pytest

from apps.alerts import tasks
from apps.alerts.models import Message

pytestmark = [pytest.mark.usefixtures("team"), pytest.mark.postgresql]


@pytest.fixture
def lose(ask, scan):
    """Rows of sales go away, after somebody saw them complete from the 2nd to the 5th of January."""
    week = "open AND day BETWEEN '2024-01-02' AND '2024-01-05'"
    ask(f"INSERT INTO daily.sales SELECT day, i, NULL FROM raw.days, range(8) r(i) WHERE {week}")
    scan()

    def away(*dates: str) -> None:
        for date in dates:
            ask("DELETE FROM daily.sales WHERE day = ?", f"2024-{date}")
        scan()
        tasks.deliver()

    return away


def subjects() -> list[str]:
    return [message.subject for message in Message.objects.order_by("id")]


def test_mail_reports_lost_rows_with_their_dates(lose):
    lose("01-03", "01-04")

    message = Message.objects.get()
    assert message.subject == "LOST ROWS - 2 complete dates of sales"
    assert "sales lost 16 rows on 2 dates that were complete: 2024-01-03 to 2024-01-04" in message.text
    assert "/runs/new/?table=daily.sales&start=2024-01-03&end=2024-01-04" in message.text
    assert message.is_sent


def test_mail_about_lost_rows_of_a_source_refers_to_its_producer_and_offers_no_plan(scan, ask):
    scan()
    ask("DELETE FROM raw.orders WHERE day = DATE '2024-01-04'")
    scan()
    tasks.deliver()

    for text in (Message.objects.get().text, Message.objects.get().html):
        assert "It is a source: what produces it has to load these dates again." in text
        assert "/runs/new/" not in text


def test_plan_link_in_the_mail_covers_only_the_dates_that_lost_rows(lose):
    lose("01-02", "01-05")

    assert "&start=2024-01-02&end=2024-01-05&dates=2024-01-02%2C+2024-01-05\n" in Message.objects.get().text


def test_every_lost_date_is_in_the_csv(lose):
    lose("01-03", "01-04")

    lines = list(csv.DictReader(StringIO(Message.objects.get().csv)))
    assert [(line["date"], line["rows_before"], line["rows_now"]) for line in lines] == [
        ("2024-01-03", "8", "0"),
        ("2024-01-04", "8", "0"),
    ]


def test_same_regression_is_reported_once(lose, scan):
    lose("01-03")
    scan()

    assert tasks.deliver()["created"] == 0
    assert len(subjects()) == 1


def test_further_regression_triggers_another_mail(lose):
    lose("01-03")
    lose("01-05")

    assert subjects() == ["LOST ROWS - 1 complete date of sales"] * 2
    assert "2024-01-05" in Message.objects.order_by("id").last().csv


def test_unreachable_warehouse_is_not_reported_as_lost_rows(lose, shop):
    shop.rename(shop.with_suffix(".away"))
    lose()

    assert subjects() == []
