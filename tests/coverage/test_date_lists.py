"""Single dates as links name them."""

import datetime as dt
from urllib.parse import parse_qs

from hypothesis import given
from hypothesis import strategies as st

from apps.coverage import date_lists

some_dates = st.sets(st.dates(dt.date(2023, 1, 1), dt.date(2024, 12, 31)), min_size=1, max_size=200)
EVER = dt.date.min, dt.date.max


@given(some_dates)
def test_a_link_names_the_first_of_the_dates_and_no_others(dates):
    named = date_lists.first_of(dates)
    link = date_lists.query("daily.sales", named)
    said = parse_qs(link)

    start, end = (dt.date.fromisoformat(said[name][0]) for name in ("start", "end"))
    found = date_lists.parse(said.get("dates", [f"{start} to {end}"])[0])
    assert date_lists.days(found, start, end) == set(named) == set(sorted(dates)[: len(named)])
    assert len(link) < 2500


def test_too_many_ranges_to_name_lead_from_the_first_to_the_last():
    every_other = [dt.date(2024, 1, 1) + dt.timedelta(days=2 * n) for n in range(70)]

    assert date_lists.query("daily.sales", every_other) == (
        "table=daily.sales&start=2024-01-01&end=2024-05-18"
    )


def test_a_range_over_all_years_is_limited_to_the_requested_dates():
    found = date_lists.parse("0001-01-01 to 9999-12-31")

    assert len(date_lists.days(found, dt.date(2024, 1, 1), dt.date(2024, 1, 9))) == 9
