"""What a date is called for the rows that it has."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.coverage.models import band
from apps.coverage.scanning.expectation import bounds, judge
from apps.pipeline.sections import Rows
from apps.warehouse.base import EMPTY, Count
from tests.conftest import day

SOME = st.integers(0, 10_000)


@pytest.fixture
def verdict(pipeline):
    """The verdict on a table with some rows, on a day of four orders; `like` is what the other table has."""

    def of(
        table: str,
        rows: int | None,
        *,
        date: str = "01-10",
        units: int | None = 4,
        like: int | None = 8,
        keys: int | None = None,
        **more,
    ):
        season = pipeline.season_of(day(date))
        return judge(
            pipeline.table(table),
            day(date),
            season=season,
            units=units,
            found=None if rows is None else Count(rows, keys=rows if keys is None else keys),
            like=None if like is None else Count(like),
            **more,
        )

    return of


@pytest.mark.parametrize(
    ("rows", "state", "reason"),
    [
        (8, "complete", ""),
        (7, "thin", "7 rows, expected 8"),
        (9, "excess", "9 rows, expected 8"),
        (0, "missing", "no rows, expected 8"),
    ],
)
def test_rows_are_compared_with_the_units_of_the_day(verdict, rows, state, reason):
    found = verdict("sales", rows)

    assert (found.state, found.reason) == (state, reason)


def test_both_ends_of_a_band_are_complete(verdict):
    states = [verdict("visits", rows).state for rows in (3, 4, 12, 13)]

    assert states == ["thin", "complete", "complete", "excess"]


def test_the_narrower_of_two_bounds_decides(verdict):
    assert verdict("visits", 4, like=10).reason == "4 rows, expected 5 to 12"


@pytest.mark.parametrize(
    ("rows", "keys", "state", "reason"),
    [
        (18, 18, "complete", ""),
        (18, 17, "thin", "18 rows with 17 different keys, expected 18: 1 row too many of the same key"),
        (24, 18, "excess", "24 rows with 18 different keys, expected 18: 6 rows too many of the same key"),
    ],
)
def test_different_keys_are_compared_with_the_least_expected_rows(verdict, rows, keys, state, reason):
    found = verdict("sales", rows, keys=keys, units=9)

    assert (found.state, found.reason) == (state, reason)


def test_duplicate_keys_are_an_excess_even_within_the_band(verdict):
    found = verdict("visits", 12, keys=6)

    assert (found.state, found.reason) == ("excess", "6 rows too many of the same key")


def test_a_date_whose_keys_were_not_counted_is_unknown(pipeline):
    table = pipeline.table("sales")
    found = judge(table, day("01-10"), season=pipeline.season("winter"), units=4, found=Count(8))

    assert (found.state, found.reason) == ("unknown", "its different keys (item) are not counted yet")


def test_without_a_rule_one_row_is_enough(verdict):
    assert verdict("raw.orders", 1).state == "complete"
    assert verdict("raw.orders", 0).reason == "no rows, expected at least 1"


def test_a_date_that_was_not_read_has_the_reason(verdict):
    assert verdict("sales", None).reason == "the warehouse was not asked"
    assert verdict("sales", None, problem="no such table").reason == "no such table"


def test_a_date_is_unknown_if_its_reference_table_was_not_read(verdict):
    found = verdict("visits", 8, like=None)

    assert (found.state, found.reason) == ("unknown", "daily.sales could not be read to compare with")


def test_rows_off_the_calendar_are_unexpected(verdict):
    assert verdict("sales", 8, units=None).state == "unexpected"
    assert verdict("sales", 0, units=None).state == "not_expected"


def test_rows_on_the_first_days_are_unexpected(verdict):
    found = verdict("trend", 1, date="01-02")

    assert (found.state, found.most) == ("unexpected", 0)
    assert "bootstrap: day 2, the first 3 are left out" in found.reason


def test_an_empty_reference_table_is_given_as_the_reason(pipeline):
    table = pipeline.table("visits").model_copy(update={"rows": Rows(like="daily.sales")})
    found = judge(table, day("01-10"), season=pipeline.season("winter"), units=4, found=Count(8), like=EMPTY)

    assert found.reason == "daily.sales has no rows on this date to compare with"


def rules() -> st.SearchStrategy[Rows]:
    bands = st.tuples(SOME, SOME).map(lambda ends: sorted(ends))
    shares = st.floats(0.01, 3)
    return st.one_of(
        bands.map(lambda ends: Rows(per_unit=ends)),
        bands.map(lambda ends: Rows(between=[ends[0], math.inf])),
        shares.map(lambda share: Rows(like="a.b", at_least=share)),
        st.tuples(bands, shares).map(lambda both: Rows(between=both[0], like="a.b", at_least=both[1])),
    )


@given(rules(), st.integers(1, 300), SOME)
def test_no_rows_are_enough_only_where_every_bound_begins_at_0(rule, units, like):
    least, _ = bounds(rule, units=units, like=like)

    begin = [band[0] for band in (rule.per_unit, rule.between) if band] + [rule.at_least] * bool(rule.like)
    assert least >= 1 or not any(begin)


@pytest.mark.parametrize(
    ("rule", "rows", "state"),
    [
        ({"between": [0, 5]}, 0, "complete"),
        ({"between": [0, 5]}, 6, "excess"),
        ({"per_unit": [0, 2]}, 0, "complete"),
        ({"like": "daily.sales", "at_least": 0}, 0, "complete"),
        ({"per_unit": [0, 2], "between": [1, 5]}, 0, "missing"),
        ({"between": [0, 5], "like": "daily.sales", "at_least": 0.5}, 0, "missing"),
    ],
)
def test_no_rows_are_complete_where_the_rule_allows_none(pipeline, rule, rows, state):
    table = pipeline.table("visits").model_copy(update={"rows": Rows(**rule)})
    season = pipeline.season("winter")

    assert judge(table, day("01-10"), season=season, units=4, found=Count(rows), like=Count(8)).state == state


@given(rules(), st.integers(1, 300), SOME)
def test_more_units_never_need_fewer_rows(rule, units, like):
    assert bounds(rule, units=units + 1, like=like)[0] >= bounds(rule, units=units, like=like)[0]


@pytest.mark.parametrize(
    ("least", "most", "words"),
    [
        (None, None, ""),
        (16, 16, "16"),
        (224, 320, "224 to 320"),
        (1, None, "at least 1"),
        (1500, 2000, "1,500 to 2,000"),
    ],
)
def test_a_band_is_formatted_in_words(least, most, words):
    assert band(least, most) == words
