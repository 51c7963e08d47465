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


@pytest.mark.parametrize(
    ("dates", "seconds", "following"),
    [
        pytest.param(7, 60, 7, id="a minute is repeated"),
        pytest.param(7, 90, 7, id="between is repeated"),
        pytest.param(7, 120, 7, id="two minutes are repeated"),
        pytest.param(20, 1, 24, id="a short call grows by a fifth at most"),
        pytest.param(1, 1, 2, id="a small call grows by one date"),
        pytest.param(20, 55, 24, id="growth of twenty fits"),
        pytest.param(100, 59, 120, id="growth of a hundred fits"),
        pytest.param(2, 50, 3, id="growth of two fits"),
        pytest.param(20, 600, 3, id="a long call shrinks at once"),
        pytest.param(1, 3600, 1, id="a slow date is still one call"),
    ],
)
def test_a_call_is_sized_by_the_time_that_the_last_one_took(job, dates, seconds, following):
    assert automatic(job, EndedCall(dates, seconds)) == following


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
