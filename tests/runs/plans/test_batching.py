"""How many dates a call takes."""

import pytest

from apps.runs.engine import picking
from apps.runs.models import Run
from apps.runs.plans import batching
from apps.runs.plans.batching import EndedCall
from tests.conftest import day


@pytest.fixture
def job(pipeline):
    """Takes a list of dates, five a call."""
    return pipeline.table("daily.visits").job


def automatic(job, *calls: EndedCall) -> int:
    return batching.dates_a_call(job, Run.AUTO, calls)


def test_batch_size_of_the_operator_takes_precedence_over_the_pipeline_file(job):
    assert (batching.dates_a_call(job, None), batching.dates_a_call(job, 9)) == (5, 9)


def test_single_date_job_has_batch_size_one_whatever_is_requested(job):
    single = job.model_copy(update={"dates": "single"})

    assert (batching.dates_a_call(single, 9), automatic(single)) == (1, 1)


def test_a_call_of_a_minute_or_two_is_repeated_as_it_is(job):
    assert [automatic(job, EndedCall(7, seconds)) for seconds in (60, 90, 120)] == [7, 7, 7]


def test_calls_grow_by_a_fifth_at_most(job):
    assert automatic(job, EndedCall(20, 1)) == 24


def test_small_calls_grow_by_one_date(job):
    assert automatic(job, EndedCall(1, 1)) == 2


def test_calls_do_not_grow_beyond_what_fits(job):
    assert automatic(job, EndedCall(20, 55)) == 24
    assert automatic(job, EndedCall(100, 59)) == 120
    assert automatic(job, EndedCall(2, 50)) == 3


def test_calls_shrink_at_once(job):
    assert automatic(job, EndedCall(20, 600)) == 3


def test_a_slow_date_is_still_one_call(job):
    assert automatic(job, EndedCall(1, 3600)) == 1


def test_a_call_that_timed_out_is_halved_down_to_one_date(job):
    assert [automatic(job, EndedCall(dates, 1800, timed_out=True)) for dates in (9, 2, 1)] == [4, 1, 1]


def test_a_fixed_number_is_halved_too_and_grows_back(job):
    late = EndedCall(10, 60, timed_out=True)

    assert batching.dates_a_call(job, 10, [late]) == 5
    assert batching.dates_a_call(job, 10, [EndedCall(5, 9), late]) == 6
    assert batching.dates_a_call(job, 10, [EndedCall(9, 9), late]) == 10


def test_last_attempts_are_listed_newest_first(launch, drive):
    run = drive(launch(tables=["daily.sales"], start=day("01-01"), end=day("01-06"), batch=4))

    assert [call.dates for call in batching.last_calls(run, "daily.sales")] == [2, 4]


def test_batch_size_may_exceed_the_number_of_steps_read_ahead(launch, pipeline, monkeypatch):
    monkeypatch.setattr(picking, "AHEAD", 3)
    run = launch(tables=["daily.visits"], start=day("01-01"), end=day("01-06"))

    assert len(picking.pick(pipeline, run).steps) == 5
