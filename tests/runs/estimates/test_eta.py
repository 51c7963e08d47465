"""One estimator: a plan before its launch and the run of it say the same, and neither more than is known."""

import json

import pytest
from django.core.management import call_command
from django.utils import timezone

from apps.runs import control
from apps.runs.estimates import progress
from apps.runs.models import Run
from apps.runs.pages import launch_plan
from apps.runs.plans import planning
from apps.runs.plans.options import Options
from tests.conftest import day

BOTH = {"tables": ["daily.sales", "daily.visits"], "start": day("01-11"), "end": day("01-20")}
WHOLE = BOTH | {"tables": ["daily.sales", "weekly.trend"], "through_gaps": True}


@pytest.fixture
def known(launch, drive, pipeline):
    """A pipeline whose tables were each filled on some dates before, a call in some minutes."""

    def run(*tables: str) -> None:
        for table in tables:
            first = drive(launch(tables=[table], start=day("01-01"), end=day("01-10")))
            waits = first.waits_at_gate
            assert waits or first.status == Run.Status.SUCCEEDED, first.message
            first.steps.exclude(seconds=None).update(seconds=120.0)

    return run


def of_plan(plan, pipeline, **options):
    return launch_plan.estimate(plan, pipeline, Options(**options))


def of_run(plan, pipeline, **options):
    run = control.launch(plan, pipeline, by="olga", options=Options(**options), queued=False)
    return progress.progress_of(run, pipeline).estimate


@pytest.mark.parametrize("tables", [(), ("daily.sales",), ("daily.sales", "daily.visits")], ids=len)
def test_run_before_its_first_attempt_shows_the_estimate_of_its_plan(known, plan, pipeline, tables):
    known(*tables)
    planned = plan(**BOTH)

    before, then = of_plan(planned, pipeline), of_run(planned, pipeline)

    assert (then.in_words, then.seconds_range) == (before.in_words, before.seconds_range)


def test_plan_and_run_estimates_agree_on_canary_and_gate(known, plan, pipeline):
    known("daily.sales", "daily.visits", "weekly.trend")
    planned = plan(**WHOLE)

    before, then = of_plan(planned, pipeline, canary=2), of_run(planned, pipeline, canary=2)

    assert before.to_stop_in_words == then.to_stop_in_words
    assert [leg.stop and leg.stop.name for leg in then.legs] == [
        "the end of the canary",
        "the gate before Phase 3",
        None,
    ]


def test_tables_that_never_ran_are_named_in_plan_and_run(plan, pipeline):
    planned = plan(**BOTH)

    for found in (of_plan(planned, pipeline), of_run(planned, pipeline)):
        assert found.in_words == "not known: sales and visits have never run here"


def test_estimate_covers_the_known_tables_if_one_has_never_run(known, plan, pipeline):
    known("daily.sales")

    found = of_plan(plan(**BOTH), pipeline)

    assert found.in_words.startswith("not known: visits has never run here; the others take ")


def test_the_estimate_goes_as_far_as_the_gate(known, plan, pipeline):
    known("daily.sales", "daily.visits", "weekly.trend")
    planned = plan(**WHOLE)
    daily = of_plan(plan(**(WHOLE | {"tables": ["daily.sales"]})), pipeline)

    found = of_plan(planned, pipeline)

    assert found.to_stop == daily.seconds_range
    assert found.to_stop_in_words.startswith("to the gate before Phase 3 ")
    assert found.to_stop_in_words.endswith(" min, then it waits for a person")


def test_started_phase_no_longer_stops_the_estimate_at_its_gate(known, plan, pipeline, drive):
    known("daily.sales", "daily.visits", "weekly.trend")
    run = drive(control.launch(plan(**WHOLE), pipeline, by="olga", queued=False))
    assert run.waits_at_gate
    control.start_phase(run, "3", by="olga")

    found = progress.progress_of(run, pipeline)

    assert found.stop is None
    assert found.finish_range(now=timezone.now())


def test_a_released_canary_is_no_stop(known, plan, pipeline, drive):
    known("daily.sales", "daily.visits")
    run = drive(control.launch(plan(**BOTH), pipeline, by="olga", options=Options(canary=2), queued=False))
    control.release_canary(run, by="olga")

    assert progress.progress_of(run, pipeline).stop is None


def test_more_lanes_are_in_the_plans_estimate_too(known, plan, pipeline):
    known("daily.sales", "daily.visits")
    planned = plan(**BOTH)

    assert of_plan(planned, pipeline, lanes=2).seconds_range == pytest.approx(
        tuple(each / 2 for each in of_plan(planned, pipeline).seconds_range)
    )


def test_form_and_command_show_the_time_to_the_gate(known, plan, pipeline, ask, operating, capsys):
    known("daily.sales", "daily.visits", "weekly.trend")
    ask("INSERT INTO daily.visits SELECT day, i FROM raw.days, range(8) t(i) WHERE day >= DATE '2024-01-11'")
    planned = plan(**WHOLE | {"through_gaps": False})
    words = of_plan(planned, pipeline).to_stop_in_words

    asked = "?table=daily.sales&table=weekly.trend&start=2024-01-11&end=2024-01-20"
    assert words in operating.get(f"/runs/plan/{asked}").content.decode()

    call_command("plan", table=["daily.sales", "weekly.trend"], start=day("01-11"), end=day("01-20"))
    assert words in " ".join(capsys.readouterr().out.split())


def test_json_has_the_range_in_seconds_and_what_is_not_known(known, plan, capsys):
    known("daily.sales")

    call_command(
        "plan", table=["daily.sales", "daily.visits"], start=day("01-11"), end=day("01-20"), json=True
    )

    assert json.loads(capsys.readouterr().out)["likely"] == {
        "seconds": None,
        "not_known": ["daily.visits"],
        "to_stop": None,
    }


def test_progress_of_a_run_takes_four_queries_whatever_lies_ahead(
    known, plan, pipeline, django_assert_max_num_queries
):
    known("daily.sales", "daily.visits")
    planned = plan(**WHOLE)
    run = control.launch(planned, pipeline, by="olga", options=Options(canary=2), queued=False)

    with django_assert_max_num_queries(4):
        progress.progress_of(run, pipeline)
    with django_assert_max_num_queries(2):
        planning.estimate(planned, pipeline)
