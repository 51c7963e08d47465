"""Dates as people read them."""

import datetime as dt
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.text import date_ranges, next_day, ranges, successor
from tests.conftest import day

some_dates = st.sets(st.dates(dt.date(2023, 1, 1), dt.date(2024, 12, 31)), max_size=60)


@pytest.mark.parametrize(
    ("dates", "words"),
    [
        ([], ""),
        (["01-05"], "2024-01-05"),
        (["01-05", "01-06"], "2024-01-05 to 2024-01-06"),
        (["01-06", "01-05", "01-06"], "2024-01-05 to 2024-01-06"),
        (["01-31", "02-01"], "2024-01-31 to 2024-02-01"),
        (["01-05", "01-07"], "2024-01-05, 2024-01-07"),
    ],
)
def test_dates_in_a_row_are_a_range(dates, words):
    assert date_ranges(map(day, dates)) == words


def test_a_long_list_is_cut_and_counted():
    assert date_ranges(map(day, ["01-01", "01-03", "01-05"]), most=1) == "2024-01-01, and 2 more"


def test_a_day_off_the_calendar_does_not_split_a_range():
    after = successor([day("01-05"), day("01-06"), day("01-08")])

    assert date_ranges(map(day, ["01-06", "01-08"]), after=after) == "2024-01-06 to 2024-01-08"


def test_the_successor_of_the_last_calendar_date_is_the_next_day():
    assert successor([day("01-05")])(day("01-05")) == day("01-06")


@given(some_dates)
def test_ranges_hold_every_date_once_and_nothing_else(dates):
    found = [
        first + dt.timedelta(days) for first, last in ranges(dates) for days in range((last - first).days + 1)
    ]

    assert found == sorted(dates)


@given(some_dates)
def test_there_is_a_hole_between_two_ranges(dates):
    found = ranges(dates)

    assert all(next_day(one[1]) < other[0] for one, other in pairwise(found))
