"""A day that is not over is no gap, whatever the calendar says of it; the day after, it is."""

import datetime as dt
from collections.abc import Callable

import pytest
from django.core.management import call_command
from django.utils import timezone

from apps.coverage.calendar import calendar_report
from apps.coverage.counts import grid
from apps.coverage.models import CalendarReading, Partition, Scan
from apps.pipeline import definition
from apps.runs.plans import planning, selections
from tests.conftest import day
from tests.runs.preflight.conftest import result

EVERY_DAY = ('query = "SELECT day AS date, orders AS units FROM raw.days WHERE open"\n', 'every = "day"\n')


@pytest.fixture
def at(monkeypatch) -> Callable[[str], None]:
    """Sets the console's clock: `at("03-05 12:00")`, in UTC."""

    def set_clock(moment: str) -> None:
        then = dt.datetime.fromisoformat(f"2024-{moment}").replace(tzinfo=dt.UTC)
        monkeypatch.setattr(timezone, "now", lambda: then)

    return set_clock


def spring() -> calendar_report.SeasonCalendar:
    report = calendar_report.report(definition.current(), now=timezone.now())
    return next(each for each in report.seasons if each.season.name == "spring")


def test_dates_on_the_calendar_that_are_not_over_are_not_expected(at, scan_again):
    at("03-05 12:00")
    scan_again()

    expected = grid.load(definition.current(), start=day("03-01")).dates
    assert expected == tuple(day(f"03-0{n}") for n in range(1, 5))
    later = Partition.objects.filter(date__gte=day("03-05"))  # sources have rows there already
    assert set(later.values_list("state", flat=True)) == {"not_expected"}


def test_a_plan_leaves_out_dates_that_are_not_over_yet_with_the_reason(at, scan_again):
    at("03-05 12:00")
    scan_again()
    pipeline = definition.current()

    made = planning.plan(pipeline, selections.select(pipeline, tables=["daily.sales"], start=day("03-04")))

    assert [step.date for step in made.steps] == [day("03-04")]
    assert [date for _, date in made.left_out["not over yet"]] == [day(f"03-{n:02}") for n in range(5, 11)]


def test_the_plan_command_shows_why_dates_that_are_not_over_yet_are_left_out(at, scan_again, capsys):
    at("03-05 12:00")
    scan_again()

    call_command("plan", "--table", "daily.sales", "--start", "2024-03-04", "--end", "2024-03-10")

    assert "not over yet" in capsys.readouterr().out


def test_a_day_that_is_not_over_yet_is_not_expected_even_if_it_has_rows(at, scan_again, ask):
    ask("INSERT INTO daily.sales SELECT DATE '2024-03-05', i, NULL FROM range(3) rows(i)")
    at("03-05 12:00")
    scan_again()

    found = Partition.objects.get(table="daily.sales", date=day("03-05"))
    assert (found.state, found.reason, found.rows) == ("not_expected", "the day is not over yet", 3)


def test_the_first_scan_after_a_day_has_ended_evaluates_it(at, scan_again, ask):
    ask("INSERT INTO daily.sales SELECT DATE '2024-03-05', i, NULL FROM range(3) rows(i)")
    at("03-05 23:59")
    scan_again()
    at("03-06 00:01")
    scan_again()

    assert Partition.objects.get(table="daily.sales", date=day("03-05")).state == "thin"
    assert Partition.objects.get(table="daily.visits", date=day("03-05")).state == "missing"


def test_a_day_that_ended_is_no_change_of_the_calendar(at, scan_again):
    at("03-05 12:00")
    scan_again()
    at("03-07 12:00")
    scan_again()

    assert not CalendarReading.objects.exclude(changes=[]).exists()


def test_a_date_added_late_is_recorded_as_a_calendar_change(at, scan_again, ask):
    ask("DELETE FROM raw.days WHERE day = ?", day("03-05"))
    at("03-05 12:00")
    scan_again()
    ask("INSERT INTO raw.days VALUES (?, 4, TRUE)", day("03-05"))
    at("03-07 12:00")
    scan_again()

    (reading,) = CalendarReading.objects.exclude(changes=[])
    assert reading.changes == [["2024-03-05", None, 4]]


def test_the_end_of_a_day_is_not_a_calendar_change_in_a_daily_calendar(at, scan_again, rewrite):
    rewrite(*EVERY_DAY)
    at("03-05 12:00")
    scan_again()
    at("03-07 12:00")
    scan_again()

    assert not CalendarReading.objects.exclude(changes=[]).exists()
    assert spring().last == day("03-06")


def test_the_day_ends_in_the_pipelines_zone(at, scan_again, rewrite):
    rewrite('name = "Shop"', 'name = "Shop"\ntimezone = "America/New_York"')
    at("03-05 03:00")  # 22:00 on the 4th
    scan_again()

    assert spring().last == day("03-03")


def test_the_calendar_page_shows_how_many_days_are_not_over_yet(at, scan_again, read):
    at("03-05 12:00")
    scan_again()

    text = " ".join(read("/coverage/calendar/").split())
    assert (
        "6 days, 6 of them on the calendar with 24 orders: nothing is expected of a day before it ends"
        in text
    )


def test_a_scan_succeeds_if_no_day_of_a_season_is_over_yet(at, scan_again, ask):
    ask("DELETE FROM raw.days WHERE day < DATE '2024-03-05'")
    at("03-05 12:00")

    assert scan_again().status == Scan.Status.SUCCEEDED
    assert "Season spring has no dates" not in str(
        calendar_report.report(definition.current(), now=timezone.now()).alarms
    )


def test_preflight_reports_which_days_are_not_over_yet(at, scan_again, checked):
    at("03-05 12:00")
    scan_again()

    found = result(checked(quick=True, start=day("03-04"), end=day("03-10")), "calendar")

    said = [each.text for each in found.findings]
    assert "Not over yet in UTC, so that nothing is expected: 2024-03-05 to 2024-03-10." in said
