"""How far a run is and when it ends: never more than is known."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.coverage.models import CalendarDate, HistoryTry
from apps.runs.estimates import progress
from apps.runs.estimates.eta import Estimate, Leg, Stop
from apps.runs.estimates.paces import Pace, Work, pace
from apps.runs.estimates.progress import Progress
from apps.runs.estimates.remaining_work import Left
from apps.runs.models import Run, Step
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
def test_percentage_is_100_only_if_all_steps_are_verified(numbers):
    verified, total = numbers

    assert (a_run(total=total, verified=verified).percent == 100) == (verified == total)


def test_failures_are_no_progress():
    assert a_run(verified=40, failed=60, running=0, pending=0).percent == 40


def test_a_run_without_steps_is_not_finished():
    assert a_run(total=0, verified=0).percent == 0


def test_the_bar_shows_every_step_once():
    assert sum(count for _, count in a_run(failed=3, skipped=2, cancelled=1, pending=53).segments) == 100


# When it is silent --------------------------------------------------------------------------------


def test_no_estimate_without_a_pace():
    assert a_run().seconds_range is None
    assert a_run().finish_range(now=NOW) is None


def estimate(left: dict[str, Left], *, lanes: int = 1, stop: Stop | None = None, **paces: Pace) -> Estimate:
    """Of one leg, with what comes after it behind a stop."""
    legs = [Leg(left, stop), Leg({"a": Left(600, 600)})] if stop else [Leg(left)]
    return Estimate(legs, paces, lanes)


AN_HOUR = estimate({"a": Left(60, 60)}, a=Pace(60, 0, 0))
HOUR = dt.timedelta(hours=1)


def test_paused_run_has_no_estimated_end():
    assert a_run(estimate=AN_HOUR).finish_range(now=NOW)
    assert a_run(estimate=AN_HOUR, is_active=False).finish_range(now=NOW) is None


def test_a_run_with_nothing_left_ends_now():
    assert a_run(running=0, pending=0).finish_range(now=NOW) == (NOW, NOW)


def test_run_ahead_of_a_gate_estimates_the_gate_not_the_end():
    gate = estimate({"a": Left(60, 60)}, stop=Stop("Phase 4"), a=Pace(60, 0, 0))
    found = a_run(estimate=gate)

    low, high = found.stop_range(now=NOW)
    assert low < NOW + HOUR < high < NOW + 2 * HOUR
    assert found.finish_range(now=NOW) is None
    assert a_run(estimate=gate, is_active=False).stop_range(now=NOW) is None


def test_the_way_to_a_gate_is_known_though_what_is_behind_it_is_not():
    legs = [Leg({"a": Left(60, 60)}, Stop("Phase 4")), Leg({"b": Left(5, 5)})]
    found = Estimate(legs, {"a": Pace(60, 0, 0)}, never_run=["daily.b"])

    assert found.seconds_range is None
    assert found.in_words == "not known: b has never run here; the others take 57 min to 1 h 3 min"
    assert (
        found.to_stop_in_words == "to the gate before Phase 4 57 min to 1 h 3 min, then it waits for a person"
    )


def test_unknown_estimate_names_the_tables_that_have_never_run():
    assert Estimate([Leg({})], never_run=["daily.a", "daily.b", "daily.c"]).why_unknown == (
        "a, b and c have never run here"
    )


# What it says -------------------------------------------------------------------------------------


def test_the_end_is_the_time_left_from_now():
    low, high = a_run(estimate=AN_HOUR).finish_range(now=NOW)

    assert low < NOW + HOUR < high
    assert high - low < HOUR / 5


def test_calls_side_by_side_divide_the_time_left():
    low, high = estimate({"a": Left(60, 60)}, lanes=4, a=Pace(10, 0, 0)).seconds_range

    assert (low + high) / 2 == pytest.approx(150)


def test_more_lanes_than_steps_left_do_not_help():
    low, high = estimate({"a": Left(2, 20)}, lanes=8, a=Pace(10, 0, 0)).seconds_range

    assert (low + high) / 2 == pytest.approx(100)


def test_steps_an_hour_count_every_lane():
    assert a_run(seconds_a_step=60, lanes=2).steps_an_hour == 120


def test_slowdown_is_reported_in_percent_per_date():
    drifting = pace([Work(1, 100.0 + 5 * number) for number in range(20)])

    table, percent = a_run(estimate=estimate({"a": Left(5, 5)}, a=drifting, b=Pace(1, 0, 0))).slowing
    assert (table, percent) == ("a", 2)  # 5 s more a date of 200 s, rounded down


def test_a_steady_run_is_not_slowing():
    assert a_run(estimate=estimate({"a": Left(5, 5)}, a=pace([Work(1, 10.0)] * 50))).slowing is None


def test_a_table_that_is_done_is_not_slowing():
    drifting = pace([Work(1, 100.0 + 5 * number) for number in range(20)])

    assert a_run(estimate=estimate({"b": Left(5, 5)}, a=drifting)).slowing is None


# From the database --------------------------------------------------------------------------------


@pytest.fixture
def run(db) -> Run:
    return Run.objects.create(title="a run", status=Run.Status.RUNNING)


@pytest.fixture
def of(pipeline):
    """The progress of a run of the shop."""
    return lambda run: progress.progress_of(run, pipeline)


def middle(low_and_high: tuple[float, float]) -> float:
    return sum(low_and_high) / 2


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


def test_steps_are_counted_by_what_became_of_them(run, of):
    add_steps(run, ["succeeded", "succeeded", "failed", "skipped", "cancelled", "running", "pending"])

    found = of(run)

    assert (found.verified, found.failed, found.skipped, found.cancelled) == (2, 1, 1, 1)
    assert (found.unfinished, found.total, found.percent) == (2, 7, 28)
    assert found.not_verified == 5


def test_run_has_no_estimate_before_its_fifth_verified_step(run, of):
    add_steps(run, ["succeeded"] * 4 + ["pending"] * 10)
    assert of(run).seconds_range is None
    assert of(run).estimate.why_unknown == "of sales fewer than 5 dates were verified"

    add_steps(run, ["succeeded"])
    assert middle(of(run).seconds_range) == pytest.approx(100)


def test_a_step_that_waits_for_another_try_is_not_finished(run, of):
    add_steps(run, ["succeeded"] * 4 + ["pending"] * 10)
    run.steps.filter(position=4).update(seconds=10.0, finished_at=NOW)

    assert of(run).seconds_range is None


def test_dates_that_shared_a_call_are_one_observation(run, of):
    add_steps(run, ["succeeded"] * 20, a_call=10)
    add_steps(run, ["pending"] * 20)

    low, high = of(run).seconds_range
    assert high - low > 100  # two calls of the same length are no certainty about the next 200 s


def test_a_table_that_was_not_reached_takes_its_pace_from_earlier_runs(run, of):
    earlier = Run.objects.create(pk=run.pk - 1, title="earlier", status=Run.Status.SUCCEEDED)
    add_steps(earlier, ["succeeded"] * 10, table="weekly.trend", seconds=100.0)
    add_steps(earlier, ["succeeded"] * 10, table="daily.visits", seconds=1.0)
    add_steps(run, ["succeeded"] * 5 + ["failed"])
    add_steps(run, ["pending"] * 3, table="weekly.trend")

    low, high = of(run).seconds_range
    assert low < 300 < high < 400


def test_a_runs_own_first_steps_outweigh_earlier_runs(run, of):
    earlier = Run.objects.create(pk=run.pk - 1, title="earlier", status=Run.Status.SUCCEEDED)
    add_steps(earlier, ["succeeded"] * 200, seconds=100.0)
    add_steps(run, ["succeeded"] * 5 + ["pending"] * 10)

    assert middle(of(run).seconds_range) == pytest.approx(100)


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


def test_a_table_that_no_run_filled_takes_its_pace_from_the_run_history(run, of):
    Run.objects.filter(pk=run.pk).update(launched_at=NOW)
    run.refresh_from_db()
    add_tries(100.0)
    add_steps(run, ["succeeded"] * 5)
    add_steps(run, ["pending"] * 3, table="weekly.trend")

    found = of(run)

    low, high = found.seconds_range
    assert low < 300 < high < 400 and found.estimate.by_run_history == ["weekly.trend"]


def test_a_run_does_not_take_its_own_calls_for_those_of_others(run):
    Run.objects.filter(pk=run.pk).update(launched_at=NOW - dt.timedelta(10))
    run.refresh_from_db()
    add_tries(100.0)

    assert progress.history({"weekly.trend"}, before=run) == {}


def test_earlier_runs_are_preferred_to_the_run_history(run):
    add_steps(run, ["succeeded"] * 10, table="weekly.trend", seconds=1.0)
    add_tries(100.0)

    assert {work.seconds for work in progress.history({"weekly.trend"})["weekly.trend"]} == {1.0}


def test_progress_takes_four_queries_however_many_steps_there_are(run, of, django_assert_num_queries):
    add_steps(run, ["succeeded"] * 30 + ["pending"] * 30)
    add_steps(run, ["pending"] * 30, table="daily.visits")

    with django_assert_num_queries(4):
        of(run)


# Only what was verified counts -----------------------------------------------------------------------


def test_failures_are_not_taken_for_a_pace(run, of):
    add_steps(run, ["failed"] * 50, seconds=0.1)
    add_steps(run, ["succeeded"] * 5 + ["pending"] * 10)

    found = of(run)

    assert middle(found.seconds_range) == pytest.approx(100)
    assert found.seconds_a_step == 10


def test_run_with_only_failures_has_no_pace(run, of):
    add_steps(run, ["failed"] * 50 + ["pending"] * 10, seconds=0.1)

    found = of(run)

    assert (found.seconds_range, found.steps_an_hour) == (None, None)
    assert found.estimate.why_unknown == "sales has never run here"


def test_attempts_with_failures_are_ignored_if_there_are_clean_attempts(run, of):
    add_steps(run, ["succeeded", *["failed"] * 4] * 4, a_call=5, seconds=0.5)
    add_steps(run, ["succeeded"] * 10, a_call=5)
    add_steps(run, ["pending"] * 10)

    assert of(run).seconds_a_step == 10


def test_attempts_with_failures_are_used_if_there_are_no_clean_attempts(run, of):
    add_steps(run, ["succeeded"] * 4 + ["failed"], a_call=5)
    add_steps(run, ["succeeded"] * 4 + ["failed"], a_call=5)
    add_steps(run, ["pending"] * 10)

    assert of(run).seconds_range


def test_calls_of_earlier_runs_in_which_dates_failed_are_left_out_too(run):
    add_steps(run, ["succeeded", *["failed"] * 4] * 4, a_call=5, seconds=0.5)
    add_steps(run, ["succeeded"] * 10, a_call=5)

    assert {work.seconds for work in progress.history({"daily.sales"})["daily.sales"]} == {50.0}
