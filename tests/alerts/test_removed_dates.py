"""One mail when dates leave the calendar."""

import csv
from io import StringIO

import pytest

from apps.alerts import tasks
from apps.alerts.models import Message
from tests.conftest import day

pytestmark = [pytest.mark.usefixtures("team"), pytest.mark.postgresql]


@pytest.fixture
def close(ask, scan):
    """Shuts the shop from some day of January on: its calendar loses these dates."""
    scan()

    def from_day(date: str) -> None:
        ask("UPDATE raw.days SET open = FALSE WHERE day >= ? AND day < DATE '2024-02-01'", f"2024-{date}")
        scan()
        tasks.deliver()

    return from_day


def test_mail_lists_removed_dates_by_season_and_links_to_their_confirmation(close):
    close("01-18")

    message = Message.objects.get()
    assert message.subject == "CALENDAR - 3 dates left it"
    assert "winter: 3 dates, 2024-01-18 to 2024-01-20" in message.text
    assert "every percentage is of the 26 dates that are left" in message.text
    assert "/coverage/calendar/#removed" in message.text and message.is_sent


def test_every_date_is_in_the_csv(close):
    close("01-18")

    lines = list(csv.DictReader(StringIO(Message.objects.get().csv)))
    assert [(line["date"], line["units"]) for line in lines] == [(f"2024-01-{n}", "4") for n in (18, 19, 20)]


def test_removed_dates_are_reported_once(close, scan):
    close("01-18")
    scan()

    assert tasks.deliver()["created"] == 0


def test_further_removed_dates_trigger_another_mail(close):
    close("01-18")
    close("01-16")

    assert Message.objects.count() == 2
    assert "winter: 5 dates, 2024-01-16 to 2024-01-20" in Message.objects.first().text


def test_dates_restored_to_the_calendar_before_delivery_are_not_reported(ask, scan):
    scan()
    ask("UPDATE raw.days SET open = FALSE WHERE day = DATE '2024-01-18'")
    scan()
    ask("UPDATE raw.days SET open = day <> DATE '2024-01-07'")
    scan()

    assert tasks.deliver()["created"] == 0


def test_run_mail_shows_removed_dates_beside_its_coverage(launch, drive, scan, ask):
    run = launch(tables=["daily.sales"], start=day("01-01"), end=day("01-02"))
    ask("UPDATE raw.days SET open = FALSE WHERE day >= DATE '2024-01-18' AND day < DATE '2024-02-01'")
    scan()

    drive(run)
    tasks.deliver()

    message = Message.objects.get(run_id=run.pk)
    coverage = message.text.partition("COVERAGE BEFORE AND AFTER")[2]
    assert "3 dates left the calendar since" in coverage
    assert "3 dates left the calendar since" in message.html
