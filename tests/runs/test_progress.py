"""How far a run is and when it ends: never more than is known."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.coverage.models import CalendarDate, HistoryTry
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


def test_calls_side_by_side_divide_the_time_left():
    known = {"paces": {"a": Pace(10, 0, 0)}, "left": {"a": Left(60, 60)}}

    assert a_run(**known, lanes=4).seconds_range == (150, 150)


def test_more_lanes_than_steps_left_do_not_help():
    known = {"paces": {"a": Pace(10, 0, 0)}, "left": {"a": Left(2, 20)}, "running": 1, "pending": 1}

    assert a_run(**known, lanes=8).seconds_range == (100, 100)


def test_steps_an_hour_count_every_lane():
    assert a_run(seconds_a_step=60, lanes=2).steps_an_hour == 120


def test_slowing_says_by_how_many_percent_a_date():
    drifting = pace([Work(1, 100.0 + 5 * number) for number in range(20)])

    table, percent = a_run(paces={"a": drifting, "b": Pace(1, 0, 0)}, left={"a": Left(5, 5)}).slowing
    assert (table, percent) == ("a", 2)  # 5 s more a date of 200 s, rounded down


def test_a_steady_run_is_not_slowing():
    assert a_run(paces={"a": pace([Work(1, 10.0)] * 50)}, left={"a": Left(5, 5)}).slowing is None


def test_a_table_that_is_done_is_not_slowing():
    drifting = pace([Work(1, 100.0 + 5 * number) for number in range(20)])

    assert a_run(paces={"a": drifting}, left={"b": Left(5, 5)}).slowing is None


# From the database --------------------------------------------------------------------------------


@pytest.fixture
def run(db) -> Run:
    return Run.objects.create(title="a run", status=Run.Status.RUNNING)


def add_steps(
    run: Run, statuses: list[str], *, table: str = "daily.sales", seconds: float = 10.0, a_call: int = 1
) -> None:
    """Steps of two units each; those that are over share calls."""
    first = run.steps.count()
    calls = [
        run.attempts.create(number=first + place + 1, table=table, dates=[])
        for place in range(0, len(statuses), a_call)
    ]
    Step.objects.bulk_create(
        Step(
            run=run, position=first + place, phase="2", table=table, date=day("01-01") + dt.timedelta(first + place),
            season="winter", units=2, status=status, seconds=seconds if status in ("succeeded", "failed") else None,
            finished_at=NOW + dt.timedelta(seconds=first + place), attempt=calls[place // a_call],
        )
        for place, status in enumerate(statuses)
    )  # fmt: skip


def test_steps_are_counted_by_what_became_of_them(run):
    add_steps(run, ["succeeded", "succeeded", "failed", "skipped", "cancelled", "running", "pending"])

    found = progress.of(run)

    assert (found.verified, found.failed, found.skipped, found.cancelled) == (2, 1, 1, 1)
    assert (found.decided, found.unfinished, found.total, found.percent) == (5, 2, 7, 28)
    assert found.not_verified == 5


def test_a_run_says_nothing_before_its_fifth_step(run):
    add_steps(run, ["succeeded"] * 4 + ["pending"] * 10)
    assert progress.of(run).seconds_range is None

    add_steps(run, ["succeeded"])
    assert progress.of(run).seconds_range == pytest.approx((100, 100))


def test_a_step_that_waits_for_another_try_is_not_finished(run):
    add_steps(run, ["succeeded"] * 4 + ["pending"] * 10)
    run.steps.filter(position=4).update(seconds=10.0, finished_at=NOW)

    assert progress.of(run).seconds_range is None


def test_dates_that_shared_a_call_are_one_observation(run):
    add_steps(run, ["succeeded"] * 20, a_call=10)
    add_steps(run, ["pending"] * 20)

    low, high = progress.of(run).seconds_range
    assert high - low > 100  # two calls of the same length are no certainty about the next 200 s


def test_a_table_that_was_not_reached_takes_its_pace_from_earlier_runs(run):
    earlier = Run.objects.create(pk=run.pk - 1, title="earlier", status=Run.Status.SUCCEEDED)
    add_steps(earlier, ["succeeded"] * 10, table="weekly.trend", seconds=100.0)
    add_steps(earlier, ["succeeded"] * 10, table="daily.visits", seconds=1.0)
    add_steps(run, ["succeeded"] * 5 + ["failed"])
    add_steps(run, ["pending"] * 3, table="weekly.trend")

    low, high = progress.of(run).seconds_range
    assert low < 300 < high < 400


def test_a_runs_own_first_steps_outweigh_earlier_runs(run):
    earlier = Run.objects.create(pk=run.pk - 1, title="earlier", status=Run.Status.SUCCEEDED)
    add_steps(earlier, ["succeeded"] * 200, seconds=100.0)
    add_steps(run, ["succeeded"] * 5 + ["pending"] * 10)

    assert progress.of(run).seconds_range == pytest.approx((100, 100))


def test_the_last_table_of_an_earlier_run_does_not_hide_the_others(run, monkeypatch):
    monkeypatch.setattr(progress, "EARLIER", 5)
    add_steps(run, ["succeeded"] * 5, table="weekly.trend")
    add_steps(run, ["succeeded"] * 100, table="daily.visits")

    found = progress.history({"weekly.trend", "daily.visits"})
    assert {table: len(work) for table, work in found.items()} == {"weekly.trend": 5, "daily.visits": 5}


def add_tries(seconds: float, *, table: str = "weekly.trend") -> None:
    """Ten attempts outside the console at dates of two units, as a scan keeps them."""
    dates = [day("01-01") + dt.timedelta(number) for number in range(10)]
    CalendarDate.objects.bulk_create(CalendarDate(date=date, season="winter", units=2) for date in dates)
    HistoryTry.objects.bulk_create(
        HistoryTry(
            processor=table, table=table, date=date, failed=False, seconds=seconds, started_at=NOW - dt.timedelta(9)
        )
        for date in dates
    )  # fmt: skip


def test_a_table_that_no_run_filled_takes_its_pace_from_the_run_history(run):
    Run.objects.filter(pk=run.pk).update(launched_at=NOW)
    run.refresh_from_db()
    add_tries(100.0)
    add_steps(run, ["succeeded"] * 5)
    add_steps(run, ["pending"] * 3, table="weekly.trend")

    found = progress.of(run)

    low, high = found.seconds_range
    assert low < 300 < high < 400 and found.by_run_history == ["weekly.trend"]


def test_a_run_does_not_take_its_own_calls_for_those_of_others(run):
    Run.objects.filter(pk=run.pk).update(launched_at=NOW - dt.timedelta(10))
    run.refresh_from_db()
    add_tries(100.0)

    assert progress.history({"weekly.trend"}, before=run) == {}


def test_earlier_runs_are_preferred_to_the_run_history(run):
    add_steps(run, ["succeeded"] * 10, table="weekly.trend", seconds=1.0)
    add_tries(100.0)

    assert {work.seconds for work in progress.history({"weekly.trend"})["weekly.trend"]} == {1.0}


def test_progress_takes_four_queries_however_many_steps_there_are(run, django_assert_num_queries):
    add_steps(run, ["succeeded"] * 30 + ["pending"] * 30)
    add_steps(run, ["pending"] * 30, table="daily.visits")

    with django_assert_num_queries(4):
        progress.of(run)
