"""`after = { table, lookback, at_least }`: a share of the expected dates of a lookback is enough."""

import datetime as dt

import pytest
from pydantic import ValidationError

from apps.pipeline.sections import Input
from apps.runs.dependencies.inputs import answer, input_dates, sentence, share_in_words

FIRST = dt.date(2024, 1, 1)
MONTH = [FIRST + dt.timedelta(days=number) for number in range(30)]
LAST = MONTH[-1]
NINE_IN_TEN = Input(table="nba.base", lookback=29, at_least=0.9)


def base(holes: dict[int, str], *, coming=(), last: int = 30):
    """The month's dates, complete but for these days of it."""
    states = dict.fromkeys(MONTH[:last], "complete") | {MONTH[day - 1]: state for day, state in holes.items()}
    return input_dates(MONTH, states, coming=dict.fromkeys(coming), undone={})


def test_three_missing_days_of_thirty_are_nine_in_ten():
    assert not answer(NINE_IN_TEN, LAST, base({3: "missing", 4: "missing", 5: "thin"})).gaps


def test_four_are_too_many_and_the_reason_has_the_numbers():
    found = answer(NINE_IN_TEN, LAST, base({3: "missing", 4: "missing", 5: "thin", 9: "stale"}))

    assert sentence("nba.base", found.gaps) == "base is missing on 2024-01-03 and 3 more"
    assert share_in_words(NINE_IN_TEN, found) == " (26 of 30 dates, at least 90 % are needed)"


def test_the_date_itself_is_always_needed():
    (gap,) = answer(NINE_IN_TEN, LAST, base({30: "missing"})).gaps

    assert gap.date == LAST


@pytest.mark.parametrize("state", ["accepted", "not_expected"])
def test_accepted_and_not_expected_dates_do_not_count_toward_the_share(state):
    many = dict.fromkeys(range(1, 20), state)  # of the 11 dates that count one may be missing

    assert not answer(NINE_IN_TEN, LAST, base(many | {21: "missing"})).gaps
    assert len(answer(NINE_IN_TEN, LAST, base(many | {21: "missing", 22: "missing"})).gaps) == 2


@pytest.mark.parametrize("state", ["accepted", "not_expected"])
def test_an_accepted_gap_on_the_date_itself_does_not_keep_it_from_starting(state):
    assert not answer(NINE_IN_TEN, LAST, base({30: state})).gaps
    assert not answer(NINE_IN_TEN, LAST, base({3: "missing", 30: state})).gaps


def test_an_accepted_gap_on_the_date_itself_makes_no_share_of_the_others_enough():
    found = answer(NINE_IN_TEN, LAST, base({3: "missing", 4: "missing", 5: "missing", 30: "accepted"}))

    assert share_in_words(NINE_IN_TEN, found) == " (26 of 29 dates, at least 90 % are needed)"


def test_dates_still_to_be_filled_are_waited_for_whatever_the_share():
    assert answer(NINE_IN_TEN, LAST, base({3: "missing"}, coming=[MONTH[2]])).coming == [MONTH[2]]


def test_unread_dates_are_to_be_read_only_where_they_decide():
    few = base({3: "unknown", 4: "unknown"})
    many = base({3: "unknown", 4: "unknown", 5: "missing", 6: "missing"})

    assert not answer(NINE_IN_TEN, LAST, few).unread
    assert list(answer(NINE_IN_TEN, LAST, many).unread) == [MONTH[2], MONTH[3]]
    assert not answer(NINE_IN_TEN, LAST, many).gaps


def test_a_share_is_rounded_up_to_whole_dates():
    assert [
        Input(table="nba.base", lookback=9, at_least=0.9).may_lack(dates) for dates in (9, 10, 11, 20)
    ] == [
        0,
        1,
        1,
        2,
    ]
    assert Input(table="nba.base", lookback=30, at_least=0.95).may_lack(20) == 1


def test_a_share_of_one_date_is_refused():
    with pytest.raises(ValidationError, match="add lookback, in days"):
        Input(table="nba.base", at_least=0.9)
