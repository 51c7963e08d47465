"""What the steps left will take: a range that is meant, from calls as they were measured."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.runs.estimates import paces, remaining_work
from apps.runs.estimates.paces import Work, pace
from apps.runs.estimates.remaining_work import Left
from benchmarks import eta


def likely(finished: list[Work], left: Left, **rest: list[Work]) -> tuple[float, float]:
    """The range for a table with these calls behind it."""
    tables = {"a": left}
    return remaining_work.range_of(
        paces.of_tables({"a": finished}, {"a": rest.get("earlier", [])}, tables), tables
    )


def width(low_and_high: tuple[float, float]) -> float:
    return low_and_high[1] - low_and_high[0]


def uneven(count: int, *, steps: int = 1, seconds: float = 10.0) -> list[Work]:
    chance = random.Random(1)
    return [Work(steps, steps * seconds * chance.uniform(0.5, 1.5), steps) for _ in range(count)]


# When it is silent, when unsure -------------------------------------------------------------------


def test_four_finished_steps_are_no_estimate():
    assert pace([Work(1, 10.0)] * 4) is None
    assert pace([Work(1, 10.0)] * 5) is not None


def test_range_stays_wide_after_a_single_attempt_of_many_dates():
    low, high = likely([Work(15, 150.0, steps=15)], Left(15, 15))

    assert low < 75 and high > 225


def test_dates_that_share_a_call_do_not_shrink_the_error():
    one_each = likely(uneven(12), Left(12, 12))
    seven_each = likely(uneven(12, steps=7), Left(84, 84))

    assert width(seven_each) == pytest.approx(7 * width(one_each), rel=0.1)


def test_few_calls_are_stretched_by_students_t():
    assert 1.2816 * paces.few(4) == pytest.approx(1.533, abs=0.01)
    assert 1.2816 * paces.few(30) == pytest.approx(1.310, abs=0.01)


# What a table's own calls say ---------------------------------------------------------------------


def test_dates_weigh_by_their_units():
    finished = [Work(units, 10.0 * units) for units in (1, 15, 3, 8, 2, 12)]

    assert sum(likely(finished, Left(2, 30, 15, 15))) / 2 == pytest.approx(300)


def test_dates_with_few_units_do_not_bias_the_pace():
    low, high = likely([Work(1, 1.0)] * 20 + [Work(100, 100.0)] * 20, Left(10, 1000))

    assert low <= 1000 <= high


def test_slowdown_of_a_table_is_extrapolated():
    finished = [Work(1, 100.0 + 25 * place) for place in range(20)]

    truth = sum(100 + 25 * place for place in range(20, 40))
    assert sum(likely(finished, Left(20, 20))) / 2 == pytest.approx(truth)


def test_a_trend_within_chance_hardly_moves_the_estimate():
    found = pace(uneven(40))

    assert abs(found.drift) < 0.001


def test_a_run_that_gets_faster_never_takes_no_time():
    low, _ = likely([Work(1, 100.0 - 4 * place) for place in range(20)], Left(500, 500))

    assert low > 0


# What is borrowed ---------------------------------------------------------------------------------


def test_a_table_of_which_nothing_is_known_has_no_pace():
    assert "b" not in paces.of_tables({"a": uneven(50)}, {}, ["a", "b"])


def test_few_calls_of_this_run_and_few_of_an_earlier_one_are_enough_together():
    own, earlier = {"a": uneven(2)}, {"a": [Work(1, 10.0, run=1)] * 3}

    assert 8 < paces.of_tables(own, earlier, ["a"])["a"].rate < 12


def test_the_trend_of_an_earlier_run_is_not_continued():
    earlier = [Work(1, 10.0 + place, run=1) for place in range(100)]  # 10 s at first, 60 s on the mean

    found = paces.of_tables({"a": [Work(1, 5.0)] * 20}, {"b": earlier}, {"b": Left(100, 100)})

    assert found["b"].slope == pytest.approx(0)
    assert found["b"].rate == pytest.approx(59.5)


def test_tables_to_come_are_taken_to_grow_like_those_of_this_run():
    slower = [Work(1, 10.0 + 0.1 * place) for place in range(100)]  # 1 % of the first a step
    test_run = [Work(1, 20.0, run=1)] * 10

    found = paces.of_tables({"a": slower}, {"b": test_run}, {"b": Left(100, 100)})

    low, high = remaining_work.range_of(found, {"b": Left(100, 100)})
    assert low < sum(20 * (1 + 0.01 * place) for place in range(100)) < high


def test_tables_to_come_may_all_be_wrong_together():
    own, earlier = {"a": [Work(1, 5.0)] * 20}, [Work(1, 10.0, run=1)] * 50
    one, two = {"b": Left(50, 50)}, {"b": Left(50, 50), "c": Left(50, 50)}
    known = paces.of_tables(own, {"b": earlier, "c": earlier}, two)

    assert width(remaining_work.range_of(known, two)) == pytest.approx(
        2 * width(remaining_work.range_of(known, one))
    )


@pytest.mark.parametrize("count", [1, 4, 10])
def test_a_tables_own_first_steps_outweigh_an_earlier_run(count):
    earlier = [Work(1, 100.0, run=1)] * 200
    done = {"a": [Work(1, 50.0)] * 10, "b": uneven(count)}

    rate = paces.of_tables(done, {"b": earlier}, {"b": Left(9, 9)})["b"].rate

    assert rate < 55  # nearer to its own 10 than to the 100 of then


# What was never measured ---------------------------------------------------------------------------


def test_a_range_is_never_of_zero_width():
    low, high = likely([Work(1, 10.0)] * 50, Left(1, 1))

    assert low < 10 < high


@pytest.mark.parametrize("left", [Left(10, 150), Left(10, 10, 1, 1)], ids=["larger", "smaller"])
def test_the_range_grows_where_the_units_left_were_never_measured(left):
    finished = [Work(units, 10.0 * units) for units in (4, 5, 6, 7, 8)]
    within = likely(finished, Left(10, 60, 5, 7))
    beyond = likely(finished, left)

    assert width(beyond) / sum(beyond) > 3 * width(within) / sum(within)
    assert beyond[0] <= 10 * left.units <= beyond[1]


def test_range_grows_with_the_number_of_steps_outside_the_measured_units():
    finished = [Work(units, 10.0 * units) for units in (4, 5, 6, 7, 8)]
    one, many = Left(10, 75, 6, 30), Left(10, 180, 6, 30)  # one of 30 units, five of them

    assert width(likely(finished, many)) > 2 * width(likely(finished, one))


def test_dates_that_shared_a_call_were_measured_by_their_own_units():
    finished = [Work(16, 160.0, steps=2, least=1, most=15)] * 10

    low, high = likely(finished, Left(10, 80, 1, 15))
    assert high - low <= 0.11 * 800


def test_units_outside_the_measured_range_are_exact_for_uniform_steps():
    known = pace([Work(units, 10.0 * units) for units in (4, 5, 6, 7, 8)])

    assert Left(3, 30).outside(known) == 3 * (10 - 8)
    assert Left(3, 6).outside(known) == 3 * (4 - 2)
    assert Left(3, 18, 5, 7).outside(known) == 0


# Whether it is true -------------------------------------------------------------------------------


@pytest.mark.parametrize("case", eta.CASES, ids=lambda case: case.name)
def test_simulated_runs_end_within_their_range(case):
    found = eta.simulate(case, times=60)

    assert found.error <= 1.2 * case.most_error
    assert found.held >= 0.9 * case.least_held


@given(st.lists(st.tuples(st.floats(0.1, 100), st.floats(0, 1e5)), max_size=60), st.integers(1, 500))
def test_range_is_ordered_and_not_negative_for_any_history(finished, steps):
    found = pace([Work(units, seconds) for units, seconds in finished])

    if found:
        low, high = remaining_work.range_of({"a": found}, {"a": Left(steps, steps)})
        assert 0 <= low < high
