"""When a run that only collects failures stops itself."""

import datetime as dt
from collections.abc import Sequence

import pytest
from django.utils import timezone

from apps.runs import control
from apps.runs.engine import circuit_breaker
from apps.runs.failures import signatures
from apps.runs.models import Attempt, Run, Step
from tests.conftest import day

WEEK = {"tables": ["daily.sales"], "start": day("01-01"), "end": day("01-20")}


@pytest.fixture
def decided(db: None):
    """A run whose steps ended so, one after the other: what each said, empty where it was verified."""

    def make(said: Sequence[str]) -> Run:
        run = Run.objects.create(title="sales", launched_by="olga")
        began = timezone.now()
        Step.objects.bulk_create(
            Step(
                run=run,
                position=place,
                phase="2",
                table="daily.sales",
                date=day("01-01") + dt.timedelta(place),
                season="winter",
                status="failed" if text else "succeeded",
                message=text,
                signature=signatures.signature(text),
                finished_at=began + dt.timedelta(seconds=place),
            )
            for place, text in enumerate(said)
        )
        return run

    return make


NAMES = ("Jokic", "Murray", "Gordon", "Porter", "Brown")


def test_failures_that_differ_by_a_name_are_one_kind(decided):
    run = decided([f"no box score for player {name} on 2024-01-05" for name in NAMES])

    assert circuit_breaker.reason_to_open(run) == (
        "5 failures in a row say the same but for a name: no box score for player Brown on …"
    )


def test_fifteen_failures_in_a_row_open_the_breaker_even_if_they_differ(decided):
    words = ("river", "stone", "cloud", "grass", "flame")
    run = decided([f"the {words[place % 5]} gave way" for place in range(15)])

    assert circuit_breaker.reason_to_open(run).startswith(
        "15 failures in a row: they differ in what they say"
    )


def test_two_messages_in_turn_are_failures_in_a_row_too(decided):
    assert circuit_breaker.reason_to_open(decided(["no rows", "the till is shut"] * 7)) == ""
    assert circuit_breaker.reason_to_open(decided(["no rows", "the till is shut"] * 8)).startswith(
        "15 failures in a row"
    )


def test_failures_before_a_resume_do_not_count(decided):
    run = decided(["no rows"] * 9)
    newest = run.steps.latest("finished_at").finished_at

    run.resumed_at = newest - dt.timedelta(seconds=4)

    assert circuit_breaker.reason_to_open(run) == ""
    run.resumed_at -= dt.timedelta(seconds=1)
    assert circuit_breaker.reason_to_open(run) == "5 failures in a row say the same: no rows"


def test_after_many_good_dates_only_the_last_twenty_count(decided):
    good, mixed = [""] * 665, ["", "one", "", "two", "three"] * 4
    assert circuit_breaker.reason_to_open(decided(good)) == ""

    assert circuit_breaker.reason_to_open(decided(good + mixed)) == "12 of the last 20 steps failed"


def test_old_failures_do_not_open_the_breaker_of_a_recovered_run(decided):
    run = decided(["one", ""] * 9 + [""] * 40)

    assert circuit_breaker.reason_to_open(run) == ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("KeyError: 'player'", "KeyError: 'team'"),
        ("no data for team Denver Nuggets", "no data for team Boston"),
        ('column "points" is too short', 'column "assists" is too short'),
        ("table daily.sales is locked", "table daily.visits is locked"),
        ("cannot parse player_id of row …", "cannot parse game_id of row …"),
    ],
)
def test_messages_that_differ_by_a_name_are_of_one_kind(one, other):
    assert signatures.kind(one) == signatures.kind(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("KeyError: 'player'", "ValueError: 'player'"),
        ("requests.ConnectionError: no answer", "requests.ReadTimeoutError: no answer"),
        ("failed: Connection refused", "failed: Permission denied"),
        ("overflow: … exceeds DECIMAL(5,2)", "overflow: … exceeds VARCHAR(20)"),
        ("no rows were written", "no keys were written"),
        ("HTTP … for Denver", "DNS … for Denver"),
    ],
)
def test_other_causes_stay_other_kinds(one, other):
    assert signatures.kind(one) != signatures.kind(other)


# A job that hangs -------------------------------------------------------------------------------------


@pytest.fixture
def hanging(launch, fault, pipeline, monkeypatch):
    """A run of a job that hangs on these dates, eight a call, and is given little time."""

    def make(dates: Sequence[int]) -> Run:
        monkeypatch.setitem(pipeline.table("daily.sales").job.__dict__, "timeout", 0.2)
        for date in dates:
            fault("daily.sales", f"01-{date:02}", "sleep 600")
        return launch(batch=6, **WEEK)

    return make


def test_a_job_that_always_hangs_costs_three_timeouts(hanging, drive):
    run = drive(hanging(range(1, 21)))

    calls = [len(attempt.dates) for attempt in run.attempts.order_by("number")]
    assert (calls, run.pause_reason) == ([6, 3, 1], Run.PauseReason.FAILURES)
    assert run.message == (
        "sales hangs: three calls in a row ran out of time without a date done, the last for 2024-01-01 alone"
    )
    assert run.steps.failed().count() == 1


def test_a_job_that_hangs_again_after_a_resume_costs_one_timeout(hanging, drive):
    run = drive(hanging(range(1, 21)))

    control.resume(run, by="olga", reason="restarted the source")
    drive(run)

    assert run.attempts.count() == 4
    assert run.pause_reason == Run.PauseReason.FAILURES


def test_one_verified_date_after_timeouts_keeps_the_breaker_closed(launch, drive, pipeline):
    run = launch(batch=6, **WEEK)
    for number in (1, 2):
        run.attempts.create(
            number=number,
            table="daily.sales",
            dates=["2024-01-01", "2024-01-02"],
            status=Attempt.Status.TIMED_OUT,
        )

    drive(run)

    calls = [len(attempt.dates) for attempt in run.attempts.order_by("number")[2:]]
    assert calls[:3] == [1, 2, 3]
    assert run.status == Run.Status.SUCCEEDED
