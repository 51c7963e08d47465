"""A run that begins with a few dates, to look at before the others follow."""

import pytest

from apps.runs import control
from apps.runs.models import Run
from apps.runs.plans.options import Options
from apps.runs.plans.selections import PlanRefused
from tests.conftest import day

WEEK = {"tables": ["daily.sales"], "start": day("01-01"), "end": day("01-06")}


@pytest.fixture
def launch(plan, pipeline):
    def make(options: Options, **kwargs) -> Run:
        return control.launch(plan(**kwargs), pipeline, by="olga", options=options, queued=False)

    return make


def done(run: Run) -> list[str]:
    return [f"{date:%m-%d}" for date in run.steps.filter(status="succeeded").values_list("date", flat=True)]


def test_the_canarys_dates_are_filled_first_and_the_others_wait(launch, drive):
    run = drive(launch(Options(canary=2), **WEEK))

    assert done(run) == ["01-01", "01-02"]
    assert (run.pause_reason, run.message) == (
        Run.PauseReason.CANARY,
        "Canary done: 2 of 2 steps verified; the others wait for a release",
    )


def test_all_tables_are_filled_on_the_canarys_dates(launch, drive):
    run = drive(
        launch(
            Options(canary=1), start=day("01-04"), end=day("01-06"), tables=["daily.sales", "daily.visits"]
        )
    )

    assert done(run) == ["01-04", "01-04"]


def test_newest_first_means_a_canary_of_the_newest(launch, drive):
    run = drive(launch(Options(canary=1), order="newest", **WEEK))

    assert done(run) == ["01-06"]


def test_a_canary_that_failed_waits_too(launch, drive, fault):
    fault("daily.sales", "01-02", "silent")
    run = drive(launch(Options(canary=2), **WEEK))

    assert run.message == "Canary done: 1 of 2 steps verified; the others wait for a release"


def test_a_canary_whose_inputs_come_later_does_not_hold_the_run_up(launch, drive):
    run = launch(Options(canary=1), order="newest", start=day("01-01"), end=day("01-06"))
    Run.objects.filter(pk=run.pk).update(released_phases=["3"])

    run = drive(run)

    assert (
        run.pause_reason == Run.PauseReason.CANARY
    )  # the trend of 6 January looks back at dates that follow
    assert run.steps.get(table="weekly.trend", date=day("01-06")).status == "pending"


def test_resuming_releases_nothing(launch, drive):
    run = drive(launch(Options(canary=2), **WEEK))
    control.resume(run, by="olga")

    assert drive(run).pause_reason == Run.PauseReason.CANARY


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (Options(canary=15), "A canary has 1 to 14 dates, or none; 15 is not possible."),
        (
            Options(lanes=2),
            "2 lanes are not possible. One lane: one process at a time may hold a DuckDB file.",
        ),
        (Options(stop_at_percent=101), "101 % of the steps is not possible; give 1 to 100, or 0 for never."),
        (Options(stop_after_failures=0), "0 failures in a row are not possible; give 1 to 1000."),
    ],
)
def test_impossible_launch_options_are_refused_with_the_reason(launch, options, says):
    with pytest.raises(PlanRefused) as refusal:
        launch(options, **WEEK)

    assert str(refusal.value) == says
