"""How far a run is and when it ends: never more than is known."""

import datetime as dt
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.runs import progress
from apps.runs.models import Run, Step
from apps.runs.progress import Left, Pace, Progress, Work, pace
from tests.conftest import day

NOW = dt.datetime(2024, 6, 1, 12, tzinfo=dt.UTC)


def a_run(**changes) -> Progress:
    known = {
        "total": 100,
        "verified": 40,
        "failed": 0,
        "skipped": 0,
        "cancelled": 0,
        "running": 1,
        "pending": 59,
    }
    return Progress(**(known | changes))


# Percent ------------------------------------------------------------------------------------------


@given(st.integers(1, 100_000).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
def test_only_all_is_100_percent(numbers):
    verified, total = numbers

    assert (a_run(total=total, verified=verified).percent == 100) == (verified == total)


def test_failures_are_no_progress():
    assert a_run(verified=40, failed=60, running=0, pending=0).percent == 40


def test_a_run_without_steps_is_not_finished():
    assert a_run(total=0, verified=0).percent == 0


def test_the_bar_shows_every_step_once():
    assert sum(count for _, count in a_run(failed=3, skipped=2, cancelled=1, pending=53).segments) == 100


# When it is silent --------------------------------------------------------------------------------


def test_four_finished_steps_are_no_estimate():
    assert pace([Work(1, 10.0)] * 4) is None
    assert pace([Work(1, 10.0)] * 5) is not None


def test_without_a_pace_nothing_is_said():
    assert a_run().seconds_range is None
    assert a_run().finish_range(now=NOW) is None


def test_a_run_that_rests_does_not_end():
    known = {"paces": {"a": Pace(10, 0, 0)}, "left": {"a": Left(60, 60)}}

    assert a_run(**known).finish_range(now=NOW)
    assert a_run(**known, is_active=False).finish_range(now=NOW) is None


def test_a_run_with_nothing_left_ends_now():
    assert a_run(running=0, pending=0).finish_range(now=NOW) == (NOW, NOW)


# What it says -------------------------------------------------------------------------------------


def test_the_end_is_the_time_left_from_now():
    found = a_run(paces={"a": Pace(10, 0, 0)}, left={"a": Left(60, 60)}).finish_range(now=NOW)

    assert found == (NOW + dt.timedelta(minutes=10), NOW + dt.timedelta(minutes=10))


def test_dates_weigh_by_their_units():
    finished = [Work(units, 10.0 * units) for units in (1, 15, 3, 8, 2, 12)]

    assert pace(finished).rate == pytest.approx(10)
    assert a_run(paces={"a": pace(finished)}, left={"a": Left(2, 30)}).seconds_range == pytest.approx(
        (300, 300)
    )


def test_free_days_do_not_make_the_rest_look_quick():
    finished = [Work(1, 1.0)] * 20 + [Work(100, 100.0)] * 20

    low, high = a_run(paces={"a": pace(finished)}, left={"a": Left(10, 1000)}).seconds_range
    assert low <= 1000 <= high


def test_a_table_that_was_not_reached_borrows_and_is_less_certain():
    known = a_run(paces={"a": Pace(10, 0, 0)}, left={"a": Left(10, 10)}).seconds_range
    low, high = a_run(paces={"a": Pace(10, 0, 0)}, left={"b": Left(10, 10)}).seconds_range

    assert high - low > known[1] - known[0]


def test_slowing_says_by_how_many_percent_a_date():
    drifting = pace([Work(1, 100.0 + 5 * number) for number in range(20)])

    table, percent = a_run(paces={"a": drifting, "b": Pace(1, 0, 0)}, left={"a": Left(5, 5)}).slowing
    assert (table, percent) == ("a", 2)  # 5 s more a date of 200 s, rounded down


def test_a_steady_run_is_not_slowing():
    assert a_run(paces={"a": pace([Work(1, 10.0)] * 50)}, left={"a": Left(5, 5)}).slowing is None


def test_a_table_that_is_done_is_not_slowing():
    drifting = pace([Work(1, 100.0 + 5 * number) for number in range(20)])

    assert a_run(paces={"a": drifting}, left={"b": Left(5, 5)}).slowing is None


def test_a_run_that_gets_faster_never_takes_no_time():
    faster = pace([Work(1, 100.0 - 4 * number) for number in range(20)])

    low, _ = a_run(paces={"a": faster}, left={"a": Left(500, 500)}).seconds_range
    assert low > 0


# Whether it is true -------------------------------------------------------------------------------


def steady(chance: random.Random, place: int, units: int) -> float:
    return units * chance.gauss(10, 1.5)


def drifting(chance: random.Random, place: int, units: int) -> float:
    return units * (10 + 0.1 * place) * chance.gauss(1, 0.1)


def bimodal(chance: random.Random, place: int, units: int) -> float:
    return units * (1 if chance.random() < 0.3 else 12) * chance.gauss(1, 0.1)


@pytest.mark.parametrize("seconds", [steady, drifting, bimodal])
@pytest.mark.parametrize("done", [40, 80, 120])
def test_the_range_holds_the_truth_far_more_often_than_not(seconds: Callable[..., float], done: int):
    """It promises four times out of five; by simulation, with room for chance."""
    held = 0
    for seed in range(200):
        chance = random.Random(seed)
        work = [
            Work(units, max(seconds(chance, place, units), 0.1))
            for place in range(160)
            if (units := chance.randint(1, 15))
        ]
        ahead = work[done:]
        left = Left(len(ahead), sum(item.units for item in ahead))
        low, high = a_run(paces={"a": pace(work[:done])}, left={"a": left}).seconds_range
        held += low <= sum(item.seconds for item in ahead) <= high

    assert held >= 200 * 0.6


@given(st.lists(st.tuples(st.floats(0.1, 100), st.floats(0, 1e5)), max_size=60), st.integers(1, 500))
def test_a_range_is_a_range_whatever_happened(finished, steps):
    found = pace([Work(units, seconds) for units, seconds in finished])

    if found:
        low, high = a_run(paces={"a": found}, left={"a": Left(steps, steps)}).seconds_range
        assert 0 <= low <= high


# From the database --------------------------------------------------------------------------------


@pytest.fixture
def run(db) -> Run:
    return Run.objects.create(title="a run", status=Run.Status.RUNNING)


def add_steps(run: Run, statuses: list[str], *, table: str = "daily.sales", seconds: float = 10.0) -> None:
    first = run.steps.count()
    Step.objects.bulk_create(
        Step(
            run=run, position=first + place, phase="2", table=table, date=day("01-01") + dt.timedelta(first + place),
            season="winter", units=2, status=status, seconds=seconds if status in ("succeeded", "failed") else None,
            finished_at=NOW + dt.timedelta(seconds=place),
        )
        for place, status in enumerate(statuses)
    )  # fmt: skip


def test_steps_are_counted_by_what_became_of_them(run):
    add_steps(run, ["succeeded", "succeeded", "failed", "skipped", "cancelled", "running", "pending"])

    found = progress.of(run)

    assert (found.verified, found.failed, found.skipped, found.cancelled) == (2, 1, 1, 1)
    assert (found.decided, found.unfinished, found.total, found.percent) == (5, 2, 7, 28)


def test_a_run_says_nothing_before_its_fifth_step(run):
    add_steps(run, ["succeeded"] * 4 + ["pending"] * 10)
    assert progress.of(run).seconds_range is None

    add_steps(run, ["succeeded"])
    assert progress.of(run).seconds_range == pytest.approx((100, 100))


def test_a_table_that_was_not_reached_takes_its_pace_from_earlier_runs(run):
    earlier = Run.objects.create(pk=run.pk - 1, title="earlier", status=Run.Status.SUCCEEDED)
    add_steps(earlier, ["succeeded"] * 10, table="weekly.trend", seconds=100.0)
    add_steps(earlier, ["succeeded"] * 10, table="daily.visits", seconds=1.0)
    add_steps(run, ["succeeded"] * 5 + ["failed"])
    add_steps(run, ["pending"] * 3, table="weekly.trend")

    assert progress.of(run).seconds_range == pytest.approx((300, 300))


def test_the_last_table_of_an_earlier_run_does_not_hide_the_others(run, monkeypatch):
    monkeypatch.setattr(progress, "RECENT", 5)
    add_steps(run, ["succeeded"] * 5, table="weekly.trend")
    add_steps(run, ["succeeded"] * 100, table="daily.visits")

    assert {
        table: len(work) for table, work in progress.history({"weekly.trend", "daily.visits"}).items()
    } == {
        "weekly.trend": 5,
        "daily.visits": 5,
    }


def test_progress_takes_three_queries_however_many_steps_there_are(run, django_assert_num_queries):
    add_steps(run, ["succeeded"] * 30 + ["pending"] * 30)
    add_steps(run, ["pending"] * 30, table="daily.visits")

    with django_assert_num_queries(3):
        progress.of(run)
