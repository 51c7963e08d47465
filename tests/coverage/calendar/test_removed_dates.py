"""Dates that leave the calendar are an event, until a person says that it is right or they are back."""

import json
from collections.abc import Callable

import pytest
from django.core.management import call_command
from django.utils import timezone

from apps.coverage.calendar import calendar_report, removed_dates
from apps.coverage.calendar.removed_dates import CannotConfirm
from apps.coverage.models import RemovedDate
from apps.coverage.scanning import partial_scan, warehouses
from apps.pipeline import definition
from apps.pipeline.scope import scope
from tests.conftest import day
from tests.runs.preflight.conftest import finding

LEFT = "25 dates left the calendar"


@pytest.fixture
def lost(scan_again, ask) -> None:
    """The calendar had 29 dates, and has the first four of January since the latest scan."""
    scan_again()
    ask("UPDATE raw.days SET open = FALSE WHERE day >= DATE '2024-01-05'")
    scan_again()


@pytest.fixture
def mend(scan_again, ask) -> Callable[[], None]:
    def perform() -> None:
        ask("UPDATE raw.days SET open = day <> DATE '2024-01-07'")
        scan_again()

    return perform


def confirm(seen: int = 25, note: str = "") -> int:
    return removed_dates.confirm(by="olga", at=timezone.now(), seen=seen, note=note)


def as_json(capsys) -> dict:
    call_command("coverage", "--json")
    return json.loads(capsys.readouterr().out)["removed_dates"]


# It is said -------------------------------------------------------------------------------------------


def test_the_first_reading_of_a_calendar_removes_nothing(first_scan):
    assert removed_dates.open_now() is None


def test_the_dates_that_left_are_listed_as_ranges_by_season(lost):
    removed = removed_dates.open_now()

    assert removed
    assert removed.by_season == (
        "winter: 15 dates, 2024-01-05 to 2024-01-20; spring: 10 dates, 2024-03-01 to 2024-03-10"
    )


@pytest.mark.parametrize("page", ["/", "/coverage/", "/coverage/winter/", "/sources/", "/coverage/calendar/"])
def test_a_page_with_percentages_shows_that_dates_were_removed(lost, read, page):
    text = " ".join(read(page).split())

    assert LEFT in text
    assert "every percentage is of the 4 dates that are left" in text


def test_the_coverage_command_shows_removed_dates_beside_its_numbers(lost, capsys):
    call_command("coverage")

    said = " ".join(capsys.readouterr().out.split())
    assert LEFT in said and "winter: 15 dates, 2024-01-05 to 2024-01-20" in said


def test_the_coverage_json_has_removed_dates_as_ranges(lost, capsys):
    found = as_json(capsys)

    assert (found["count"], found["dates_left"]) == (25, 4)
    assert found["seasons"][1] == {"name": "spring", "count": 10, "ranges": [["2024-03-01", "2024-03-10"]]}


def test_the_coverage_json_has_null_if_no_dates_were_removed(capsys, first_scan):
    assert as_json(capsys) is None


def test_pre_flight_fails_until_a_person_confirms(lost, checked):
    assert finding(checked(quick=True, end=day("01-04")), "calendar").text.startswith(LEFT)

    confirm()
    assert finding(checked(quick=True, end=day("01-04")), "calendar").level == "pass"


def test_a_season_that_is_shortened_in_the_file_loses_dates_too(scan_again, rewrite):
    scan_again()
    rewrite("end = 2024-01-20", "end = 2024-01-18")
    scan_again()

    removed = removed_dates.open_now()
    assert removed and removed.by_season == "winter: 2 dates, 2024-01-19 to 2024-01-20"


def test_a_partial_scan_finds_removed_dates_too(ask, first_scan):
    pipeline = definition.current()
    ask("UPDATE raw.days SET open = FALSE WHERE day = DATE '2024-01-05'")
    partial_scan.scan(pipeline, warehouses.open_warehouse(pipeline), scope(pipeline, tables=["sales"]))

    removed = removed_dates.open_now()
    assert removed and removed.dates == [day("01-05")]


@pytest.mark.parametrize(
    "change",
    ["UPDATE raw.days SET open = TRUE, orders = 5", "ALTER TABLE raw.days RENAME TO gone"],
    ids=["dates are added and units change", "the calendar cannot be read"],
)
def test_a_change_that_takes_no_date_away_is_no_removal(first_scan, scan_again, ask, change):
    ask(change)
    scan_again()

    assert removed_dates.open_now() is None


def test_dates_that_leave_later_join_the_event(lost, ask, scan_again):
    since = removed_dates.open_now().since
    ask("UPDATE raw.days SET open = FALSE WHERE day = DATE '2024-01-04'")
    scan_again()

    removed = removed_dates.open_now()
    assert (removed.count, removed.since) == (26, since)


# It ends ----------------------------------------------------------------------------------------------


def test_restored_dates_end_the_event_and_raise_an_alarm(lost, mend):
    mend()

    assert removed_dates.open_now() is None
    alarms = [alarm.text for alarm in calendar_report.report(definition.current(), now=timezone.now()).alarms]
    assert any(text.startswith("25 dates that had left the calendar are back since") for text in alarms)


def test_an_operator_confirms_on_the_calendar_page_with_a_note(lost, operating):
    operating.post("/coverage/calendar/confirm/", {"seen": "25", "note": "strike"})

    text = operating.get("/coverage/calendar/").content.decode()
    assert 'id="removed"' not in text
    assert "<b>25</b>: 2024-01-05 to 2024-03-10" in text.replace('<span class="nowrap">', "").replace(
        "</span>", ""
    )
    assert "olga" in text and "strike" in text


def test_the_calendar_command_shows_removed_dates_and_confirms_them(lost, capsys):
    with pytest.raises(SystemExit, match="1"):
        call_command("calendar")
    said = capsys.readouterr().out
    assert LEFT in said and "manage.py calendar --confirm 25 --note WHY" in said

    call_command("calendar", "--confirm", "25", "--note", "strike")
    call_command("calendar")
    assert LEFT in capsys.readouterr().out  # of what was confirmed
    assert RemovedDate.objects.confirmed().first().note == "strike"


def test_the_calendar_command_refuses_to_confirm_another_number_of_dates(lost, capsys):
    with pytest.raises(SystemExit, match="1"):
        call_command("calendar", "--confirm", "3")

    assert "25 dates left the calendar by now, and 3 when you looked" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["sources", "windows"])
def test_the_other_commands_with_shares_show_removed_dates_too(lost, capsys, command):
    call_command(command)

    assert LEFT in capsys.readouterr().out


def test_a_viewer_may_not_confirm(lost, viewing):
    assert viewing.post("/coverage/calendar/confirm/", {"seen": "25"}).status_code == 403
    assert "Confirm that 25 dates left" not in viewing.get("/coverage/calendar/").content.decode()
    assert removed_dates.open_now()


def test_dates_removed_after_an_operator_looked_are_not_confirmed(lost, ask, scan_again):
    ask("UPDATE raw.days SET open = FALSE WHERE day = DATE '2024-01-04'")
    scan_again()

    with pytest.raises(CannotConfirm, match="26 dates left the calendar by now, and 25 when you looked"):
        confirm(seen=25)
    assert removed_dates.open_now().count == 26


def test_a_second_confirmation_is_refused(lost):
    confirm()

    with pytest.raises(CannotConfirm, match="nothing to confirm"):
        confirm()


def test_a_confirmed_date_that_comes_back_and_leaves_again_is_a_new_event(lost, mend, ask, scan_again):
    confirm()
    mend()
    ask("UPDATE raw.days SET open = FALSE WHERE day = DATE '2024-01-05'")
    scan_again()

    assert removed_dates.open_now().dates == [day("01-05")]
    assert RemovedDate.objects.confirmed().count() == 25


def test_a_repeated_scan_keeps_the_removed_dates(lost, first_scan):
    assert removed_dates.open_now().count == 25
