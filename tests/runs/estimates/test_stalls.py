"""Calls that went quiet."""

import datetime as dt

import pytest
from django.utils import timezone

from apps.runs.estimates import stalls
from apps.runs.estimates.stalls import stall
from apps.runs.models import Attempt, Event, Run
from apps.workers.signals import tick
from tests.conftest import day

pytestmark = pytest.mark.postgresql

NOW = dt.datetime(2024, 5, 1, 12, 0, tzinfo=dt.UTC)
WEEK = {"start": day("01-01"), "end": day("01-06")}


def ago(minutes: float) -> dt.datetime:
    return NOW - dt.timedelta(minutes=minutes)


@pytest.fixture
def run(launch) -> Run:
    run = launch(tables=["daily.sales"], **WEEK)
    Run.objects.filter(pk=run.pk).update(status=Run.Status.RUNNING)
    return run


def call(run: Run, *, began: float, said: float | None = None, number: int = 9, **facts) -> Attempt:
    """A call that began so many minutes ago, and last said something."""
    facts = {"table": "daily.sales", "dates": ["2024-01-01"], "lease": "held"} | facts
    said_at = ago(began if said is None else said)
    return run.attempts.create(number=number, started_at=ago(began), output_at=said_at, **facts)


def ended(run: Run, *minutes: float, table: str = "daily.sales") -> None:
    """Calls that took so many minutes."""
    for number, each in enumerate(minutes, start=20):
        call(run, began=600, number=number, table=table, status="ended", finished_at=ago(600 - each))


def told(run: Run) -> list[str]:
    stalls.record_all(NOW)
    return list(Event.objects.filter(run=run, kind="stalled").values_list("text", flat=True))


@pytest.mark.parametrize(
    ("quiet", "usual", "is_stalled"),
    [(9, 10, False), (10, 10, True), (10, 119, True), (10, 121, False), (11, 121, True), (10, None, True)],
)
def test_a_call_is_stalled_after_five_times_the_usual_and_not_before_ten_minutes(quiet, usual, is_stalled):
    attempt = Attempt(table="daily.sales", number=1, started_at=ago(60), output_at=ago(quiet))

    assert bool(stall(attempt, usual, now=NOW)) is is_stalled


def test_attempt_that_just_started_is_not_stalled():
    assert stall(Attempt(started_at=ago(1), output_at=ago(50)), 1, now=NOW) is None


def test_stall_message_shows_the_usual_duration(run):
    ended(run, 1, 2, 9)
    call(run, began=30, said=25)

    assert told(run) == [
        "No output and no finished step for 25 min; attempt 9, sales, is under way, "
        "and calls of this job take 2 min as a rule"
    ]


def test_stalled_attempt_is_reported_once(run):
    call(run, began=30)
    told(run)

    assert len(told(run)) == 1


def test_two_stalled_attempts_are_each_reported(run):
    call(run, began=30)
    call(run, began=30, number=10)

    assert len(told(run)) == 2


def test_attempt_with_recent_output_is_not_stalled(run):
    call(run, began=300, said=3)

    assert told(run) == []


def test_a_job_that_is_always_slow_is_left_alone(run):
    ended(run, 20, 30)
    call(run, began=60)

    assert told(run) == []


def test_usual_duration_is_taken_from_earlier_runs_if_the_run_has_no_attempts(run, launch):
    earlier = launch(tables=["daily.visits"], **WEEK)
    ended(earlier, 30)
    call(run, began=60)

    assert told(run) == []


def test_usual_duration_ignores_attempts_of_other_tables(run):
    ended(run, 30, table="daily.visits")
    call(run, began=60)

    assert "no call of this job ended yet" in told(run)[0]


def test_a_call_that_is_over_is_not_stalled(run):
    call(run, began=60, status="lost", finished_at=ago(50))

    assert told(run) == []


def test_the_launcher_looks_at_each_tick(run):
    long_ago = timezone.now() - dt.timedelta(hours=1)
    Attempt.objects.filter(pk=call(run, began=60).pk).update(started_at=long_ago, output_at=long_ago)

    tick.send(sender=None)

    assert Event.objects.filter(run=run, kind="stalled").count() == 1


def test_stall_check_takes_one_query_if_nothing_is_stalled(run, django_assert_num_queries):
    call(run, began=1)

    with django_assert_num_queries(1):
        stalls.record_all(NOW)
