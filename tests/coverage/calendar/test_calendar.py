"""What the calendar says, what is wrong with that, and what it changed."""

import datetime as dt
from contextlib import suppress

import pytest
from django.core.management import call_command
from django.utils import timezone

from apps.coverage.calendar import calendar_report
from apps.coverage.calendar.calendar_report import CalendarReport
from apps.coverage.models import CalendarReading, Scan
from apps.coverage.scanning import partial_scan
from apps.pipeline import definition
from apps.pipeline.scope import scope
from tests.conftest import day

NOT_FINAL = "SELECT day AS date, 1 AS units FROM raw.days WHERE NOT open"
SUMMER = '[[season]]\nname = "summer"\nstart = {}\nend = {}\n\n[[phase]]'


def read() -> CalendarReport:
    return calendar_report.report(definition.current(), now=timezone.now())


def alarms() -> dict[str, str]:
    """The text of each alarm, with its dates."""
    return {alarm.text: alarm.detail for alarm in read().alarms}


# Expected, and why not ----------------------------------------------------------------------------


def test_a_season_reports_its_dates_units_and_days_without_units(first_scan):
    spring, winter = read().seasons

    assert (winter.dates, winter.units, winter.without_in_words) == (19, 76, "2024-01-07")
    assert (spring.dates, spring.first, spring.last) == (10, day("03-01"), day("03-10"))


def test_first_days_are_left_out_by_table(first_scan):
    (skipped,) = read().seasons[0].skipped
    assert (skipped.days, skipped.dates, [table.name for table in skipped.tables]) == (3, 3, ["weekly.trend"])


def test_a_month_is_a_row_of_days(scan_again, ask):
    ask("UPDATE raw.days SET orders = 1 WHERE day = ?", day("01-05"))
    scan_again()

    (january,) = read().seasons[1].months
    drawn = {path.state: path.d for path in january.strip.paths}
    assert (january.name, january.dates, january.units, january.without) == ("Jan 2024", 19, 73, "7")
    assert drawn["units-1"].startswith("M4 0h1") and drawn["not_expected"].startswith("M6 0h1")


def test_days_after_the_last_reading_are_to_come_and_not_without_units(scan_again, rewrite):
    today = timezone.now().date()
    rewrite("[[phase]]", SUMMER.format(today, today + dt.timedelta(days=9)))
    scan_again()

    summer = read().seasons[0]
    assert (summer.to_come, summer.without) == (10, ())


# Alarms -------------------------------------------------------------------------------------------


def test_a_calendar_without_fault_has_no_alarm(first_scan):
    assert alarms() == {}


def test_source_rows_on_a_date_off_the_calendar_raise_an_alarm(scan_again, ask):
    ask("INSERT INTO raw.orders VALUES (?, 1)", day("01-07"))
    scan_again()

    assert alarms() == {
        "The calendar expects 0 orders on 1 date on which sources have rows.": "orders: 2024-01-07"
    }


def test_rows_of_a_filled_table_on_a_date_off_the_calendar_raise_no_alarm(scan_again, fill):
    fill("daily.sales", "01-07")
    scan_again()

    assert alarms() == {}


def test_rows_between_two_seasons_are_an_alarm_of_their_own(scan_again, ask):
    ask("INSERT INTO raw.orders VALUES (?, 1)", day("02-10"))
    scan_again()

    assert alarms() == {"Sources have rows on 1 date outside of every season.": "orders: 2024-02-10"}


def test_units_off_season_are_an_alarm(scan_again, ask):
    ask("INSERT INTO raw.days VALUES (?, 4, TRUE), (?, 4, TRUE)", day("02-10"), day("02-11"))
    scan_again()

    assert alarms() == {
        "The calendar has orders on 2 dates that lie in no season.": "2024-02-10 to 2024-02-11"
    }


def test_past_dates_that_are_not_final_are_an_alarm(scan_again, rewrite):
    rewrite('unit = "order"', f'unit = "order"\nnot_final = "{NOT_FINAL}"')

    assert scan_again().queries == 3
    assert alarms() == {"1 date in the past is not final, and so not expected.": "2024-01-07"}
    assert read().seasons[1].not_final == (day("01-07"),)


def test_a_scan_succeeds_even_if_the_not_final_query_fails(scan_again, rewrite):
    rewrite('unit = "order"', 'unit = "order"\nnot_final = "SELECT nothing FROM nowhere"')

    assert scan_again().status == Scan.Status.SUCCEEDED
    (alarm,) = read().alarms
    assert (alarm.level, "could not be asked" in alarm.text) == ("unknown", True)


def test_a_season_that_began_without_dates_raises_an_alarm_of_level_failure(scan_again, rewrite):
    rewrite("[[phase]]", SUMMER.format("2024-06-01", "2024-06-30"))
    scan_again()

    (alarm,) = read().alarms
    assert alarm.level == "failure"
    assert alarm.text == "Season summer has no dates, and it began on 2024-06-01."


def test_a_future_season_without_dates_shows_when_it_begins(scan_again, rewrite):
    begins = timezone.now().date() + dt.timedelta(days=30)
    rewrite("[[phase]]", SUMMER.format(begins, begins))
    scan_again()

    assert f"Season summer has no dates yet; it begins on {begins}." in alarms()


def test_a_calendar_that_was_never_read_has_no_alarms(shop, db):
    assert read().alarms == () and not read().is_known


# Changes ------------------------------------------------------------------------------------------


def change_three(ask) -> None:
    ask("UPDATE raw.days SET open = TRUE WHERE day = ?", day("01-07"))
    ask("UPDATE raw.days SET open = FALSE WHERE day = ?", day("01-15"))
    ask("UPDATE raw.days SET orders = 5 WHERE day = ?", day("01-20"))


def test_repeated_scans_of_an_unchanged_calendar_record_no_changes(scan_again):
    scan_again()
    scan_again()

    assert read().changes == () and CalendarReading.objects.count() == 1


def test_added_removed_and_changed_dates_are_recorded_with_their_scan(scan_again, ask):
    scan_again()
    change_three(ask)
    changing = scan_again()
    scan_again()

    (found,) = read().changes
    assert found.scan == changing
    assert (found.added, found.removed) == ((day("01-07"),), (day("01-15"),))
    assert found.others_in_words == "2024-01-20 (5, was 4)"


def test_changes_are_alarms_for_a_day_and_are_listed_for_good(scan_again, ask):
    scan_again()
    change_three(ask)
    scan_again()
    assert alarms()["1 date left the calendar."] == "2024-01-15"
    assert alarms()["The units of 1 date changed."] == "2024-01-20 (5, was 4)"

    CalendarReading.objects.update(read_at=timezone.now() - dt.timedelta(hours=25))
    assert not [text for text in alarms() if "change" in text or "left" in text]
    assert len(read().changes) == 1


def test_a_partial_scan_records_only_changes_of_its_own_dates(ask, pipeline, warehouse, first_scan):
    change_three(ask)

    partial_scan.scan(pipeline, warehouse, scope(pipeline, tables=["sales"], end=day("01-10")))

    (found,) = read().changes
    assert (found.added, found.removed, found.scan) == ((day("01-07"),), (), None)


def test_a_partial_scan_before_the_first_full_scan_records_no_added_dates(scan_again, pipeline, warehouse):
    partial_scan.scan(pipeline, warehouse, scope(pipeline, tables=["sales"], end=day("01-10")))
    scan_again()

    assert read().changes == ()


def test_an_unreadable_calendar_records_no_changes(scan_again, ask):
    scan_again()
    ask("ALTER TABLE raw.days RENAME TO gone")

    assert scan_again().status == Scan.Status.FAILED
    assert read().changes == () and read().is_known


# A new season is configuration --------------------------------------------------------------------

PAGES = (
    "/",
    "/coverage/",
    "/coverage/summer/",
    "/coverage/summer/heatmap.json",
    "/coverage/summer/partitions.csv",
    "/coverage/calendar/",
    "/coverage/accepted/?season=summer",
    "/sources/?season=summer",
    "/sources/windows/?season=summer",
    "/runs/new/?phase=2&season=summer",
    "/runs/plan/?phase=2&season=summer",
    "/preflight/?season=summer",
    "/verify/?season=summer",
    "/failures/?season=summer",
    "/coverage/partition/daily.sales/2024-06-03/",
)
COMMANDS = (
    ("scan", "--season", "summer"),
    ("coverage", "--season", "summer"),
    ("plan", "--season", "summer"),
    ("sources", "--season", "summer"),
    ("windows", "--season", "summer", "--days", "3"),
    ("preflight", "--quick", "--season", "summer"),
    ("verify", "--season", "summer"),
)


@pytest.fixture(params=["with dates", "without dates"])
def summer(request, rewrite, ask, scan_again) -> str:
    """A season that the pipeline file has since today, of which the calendar knows or does not."""
    rewrite("[[phase]]", SUMMER.format("2024-06-01", "2024-06-10"))
    if request.param == "with dates":
        days = "unnest(generate_series(DATE '2024-06-01', DATE '2024-06-10', INTERVAL 1 DAY))"
        ask(f"INSERT INTO raw.days SELECT {days}::DATE, 4, TRUE")
    scan_again()
    return request.param


@pytest.mark.parametrize("page", PAGES)
def test_every_page_takes_a_new_season(summer, operating, page):
    response = operating.get(page)

    assert response.status_code == 200
    assert b"".join(response) is not None


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_every_command_takes_a_new_season(transactional_db, summer, words, capsys):
    with suppress(SystemExit):  # what a command says of the season is its exit status
        call_command(*words)

    said = capsys.readouterr()
    assert said.out and 'There is no season "summer"' not in said.err


def test_only_a_season_without_dates_raises_the_alarm(summer):
    told = [alarm.text for alarm in read().alarms if "has no dates" in alarm.text]

    assert told == (["Season summer has no dates, and it began on 2024-06-01."] * (summer == "without dates"))


# The page -----------------------------------------------------------------------------------------


@pytest.fixture
def calendar(viewing):
    return lambda: viewing.get("/coverage/calendar/").content.decode()


def test_the_page_shows_dates_units_alarms_and_changes(scan_again, ask, calendar):
    scan_again()
    ask("INSERT INTO raw.orders VALUES (?, 1)", day("01-07"))
    ask("UPDATE raw.days SET orders = 5 WHERE day = ?", day("01-20"))
    done = scan_again()

    text = calendar()

    assert "29 expected dates, 117 orders" in text
    assert "The calendar expects 0 orders on 1 date" in text
    assert f"/coverage/scans/{done.pk}/" in text and "(5, was 4)" in text


def test_the_page_shows_that_nothing_was_read_yet(calendar, shop):
    assert "Nothing is known yet" in calendar()


def test_the_page_shows_since_when_the_warehouse_is_unreachable(scan_again, shop, calendar):
    scan_again()
    shop.rename(shop.with_suffix(".gone"))
    scan_again()

    assert "has not answered since" in calendar() and "last read" in calendar()


def test_the_coverage_page_links_to_the_calendar(viewing, first_scan):
    assert 'href="/coverage/calendar/' in viewing.get("/coverage/").content.decode()


def test_queries_do_not_grow_with_the_calendar(scan_again, ask, calendar, django_assert_max_num_queries):
    scan_again()
    calendar()
    with django_assert_max_num_queries(16) as few:
        calendar()
    for date in ("01-07", "02-10", "02-12"):
        ask("INSERT INTO raw.orders VALUES (?, 1)", day(date))
        ask("INSERT INTO raw.days VALUES (?, 4, TRUE)", day(date)) if date != "01-07" else None
        scan_again()

    with django_assert_max_num_queries(len(few)):
        calendar()
