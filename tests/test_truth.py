"""The sentence that the overview begins with."""

import datetime as dt

import pytest
from django.template.loader import render_to_string

from apps.coverage.counts import rollup
from apps.coverage.counts.freshness import Freshness
from apps.coverage.counts.grid import Grid
from apps.coverage.counts.rollup import Coverage
from apps.runs.estimates.eta import Estimate, Leg, Stop
from apps.runs.estimates.paces import Pace
from apps.runs.estimates.progress import Progress
from apps.runs.estimates.remaining_work import Left
from apps.runs.models import Run
from backfill_console.truth import Truth, Work, truth
from tests.markup import tight

NOW = dt.datetime(2024, 5, 1, 12, 0, tzinfo=dt.UTC)


@pytest.fixture
def coverage(pipeline):
    """The coverage of two dates: letters by table, missing where none are given."""

    def make(*, problem: str = "", **letters: str) -> Coverage:
        dates = (dt.date(2024, 1, 8), dt.date(2024, 1, 9))
        names = [table.name for table in pipeline.tables]
        grid = Grid(
            dates=dates,
            units=(4, 4),
            seasons=((pipeline.season("winter"), slice(0, 2)),),
            states={name: letters.get(name.partition(".")[2], "mm") for name in names},
            activities=dict.fromkeys(names, "--"),
            strays=dict.fromkeys(names, ()),
        )
        phases = tuple(rollup.phase_coverage(pipeline, phase, grid) for phase in pipeline.phases)
        return Coverage(phases=phases, grid=grid, freshness=Freshness(NOW, problem))

    return make


NOTHING = Work()


def say(coverage: Coverage, work: Work = NOTHING, workers: int = 1, silent_for: str = "") -> Truth:
    return truth(coverage, work, workers_alive=workers, silent_for=silent_for, now=NOW)


def run(status: str = Run.Status.RUNNING, pk: int = 7, **facts) -> Run:
    return Run(pk=pk, title="Phase 2, winter", status=status, **facts)


def progress(verified: int = 212, failed: int = 0, **facts) -> Progress:
    left = 1045 - verified - failed
    return Progress(1045, verified, failed, 0, 0, 0, left, **facts)


def test_a_running_run_comes_first(coverage):
    found = say(coverage(), Work([run()], progress()))

    assert (found.run.pk, found.state) == (7, "running")
    assert found.text == "(Phase 2, winter) is running: 212 of 1,045 steps verified"
    assert found.tail == "1 worker alive."


def test_failures_and_waiting_runs_are_shown_beside_a_running_run(coverage):
    work = Work([run(), run("queued", pk=8), run("paused", pk=5)], progress(failed=3), kinds=1)

    tail = say(coverage(), work, workers=2).tail

    assert (
        tail == "3 failures of one kind; 1 more run in the queue; run 5 waits for a person; 2 workers alive."
    )


def test_the_end_is_a_range(coverage):
    pace = Pace(rate=1, error=0.1, spread=0.5, steps=50)
    known = progress(estimate=Estimate([Leg({"daily.sales": Left(833, 833)})], {"daily.sales": pace}))

    early, late = say(coverage(), Work([run()], known)).done

    assert NOW < early < late


def test_two_ends_in_one_minute_are_one(coverage):
    pace = Pace(rate=1, error=0, spread=0, steps=50)
    known = progress(estimate=Estimate([Leg({"daily.sales": Left(20, 20)})], {"daily.sales": pace}))

    assert len(say(coverage(), Work([run()], known)).done) == 1


def test_a_gate_ahead_is_named_instead_of_an_end(coverage):
    pace = Pace(rate=1, error=0.1, spread=0.5, steps=50)
    legs = [Leg({"daily.sales": Left(833, 833)}, Stop("Phase 3")), Leg({"weekly.trend": Left(5, 5)})]

    found = say(coverage(), Work([run()], progress(estimate=Estimate(legs, {"daily.sales": pace}))))

    assert (found.stop, len(found.stops), found.done) == ("the gate before Phase 3", 2, ())
    drawn = tight(render_to_string("overview/_truth.html", {"truth": found}))
    assert ", to the gate before Phase 3 <b><time" in drawn
    assert "</time></b>, then it waits for a person." in drawn


def test_without_an_estimate_no_end_is_named(coverage):
    assert say(coverage(), Work([run()], progress())).done == ()


def test_a_run_that_no_worker_holds_is_not_shown_as_running(coverage):
    found = say(coverage(), Work([run()], progress(), is_held=False))

    assert found.state == "unknown"
    assert "gives no sign of life" in found.text


def test_a_run_in_the_queue_is_queued(coverage):
    assert say(coverage(), Work([run("queued")], progress(0), is_held=False)).state == "queued"


def test_a_paused_run_shows_that_it_waits_for_a_person_and_why(coverage):
    paused = run("paused", message="Phase 2 is complete on 3 of 5 dates.")

    found = say(coverage(), Work([paused]))

    assert found.state == "paused"
    assert found.text == "(Phase 2, winter) waits for a person: Phase 2 is complete on 3 of 5 dates"


def gate(**facts) -> Run:
    message = "Phase 3 starts by hand; not complete for its dates and lookback: sales 3 of 14"
    return run("paused", pause_reason=Run.PauseReason.GATE, message=message, **facts)


def test_a_run_at_a_gate_shows_the_gate_the_gaps_and_the_next_action(coverage):
    found = say(coverage(), Work([gate()], gates={7: "Phase 3"}))

    assert found.text == (
        "(Phase 2, winter) is waiting at the gate before Phase 3: "
        "not complete for its dates and lookback: sales 3 of 14"
    )
    assert found.tail == "Next: an operator looks at what Phase 3 needs, and starts it or cancels the run."


def test_a_run_at_a_gate_is_shown_beside_a_running_run(coverage):
    work = Work([run(), gate(pk=5)], progress(), gates={5: "Phase 3"})

    assert "Run 5 is waiting at the gate before Phase 3;" in say(coverage(), work).tail


@pytest.mark.parametrize(
    ("pause", "following"),
    [
        (Run.PauseReason.OPERATOR, "an operator resumes or cancels it"),
        (Run.PauseReason.FAILURES, "an operator looks at its failures, and resumes or cancels it"),
        (Run.PauseReason.WAREHOUSE, "it goes on by itself once the warehouse answers"),
    ],
)
def test_a_paused_run_shows_the_next_action(coverage, pause, following):
    assert say(coverage(), Work([run("paused", pause_reason=pause)])).tail == f"Next: {following}."


def test_a_run_that_waits_does_not_hide_open_failures_and_other_runs(coverage):
    work = Work([run("paused"), run("paused", pk=8)], open_failures=(14, 2))

    assert say(coverage(), work).tail.endswith("14 failures of 2 kinds are open. 1 more run is waiting.")


def test_the_page_shows_that_nothing_will_start_if_no_worker_is_alive(coverage):
    found = say(coverage(), Work([run()], progress()), workers=0, silent_for="6 min")

    assert found.text == "No worker has reported for 6 min: nothing will start."
    assert found.tail == "1 run would go on."
    assert found.command == ".venv/bin/python manage.py serve"


def test_a_console_that_never_had_a_worker_shows_that_none_has_reported(coverage):
    assert say(coverage(), workers=0).text == "No worker has reported yet: nothing will start."


def test_coverage_is_unknown_and_not_zero_if_the_warehouse_is_unreachable(coverage):
    names = ("orders", "orders_backup", "sales", "visits", "trend")
    unknown = coverage(problem="the file is locked", **dict.fromkeys(names, "uu"))

    found = say(unknown)

    assert (found.state, found.text) == ("unknown", "Coverage is unknown: the file is locked.")


def test_one_unknown_table_does_not_make_all_unknown(coverage):
    found = say(coverage(problem="daily.visits does not exist", visits="uu"))

    assert found.text.startswith("Nothing is running.")


def test_when_nothing_runs_the_next_phase_is_named_with_its_gaps(coverage):
    found = say(coverage(sales="cc", visits="cm"))

    assert found.text == "Nothing is running. Phase 2 is complete on 1 of 2 dates; next:"
    assert (found.plan.name, found.gaps) == ("2", 1)


def test_the_next_phase_is_offered_once_a_phase_is_complete(coverage):
    assert say(coverage(sales="cc", visits="cc")).plan.name == "3"


def test_dates_that_could_not_be_read_are_not_planned(coverage):
    found = say(coverage(sales="cc", visits="cu"))

    assert found.text == "Nothing is running. Phase 2 is complete on 1 of 2 dates, unknown on 1."
    assert found.plan is None


def test_a_phase_of_which_no_date_is_known_has_no_figure_for_complete(coverage):
    found = say(coverage(problem="table daily.visits does not exist", sales="cc", visits="uu"))

    assert found.text == "Nothing is running. Phase 2 is unknown on all of its 2 dates."
    assert found.tail == "Table daily.visits does not exist."


def test_known_gaps_are_shown_beside_the_number_of_unknown_partitions(coverage):
    found = say(coverage(sales="cm", visits="uu"))

    assert found.text == "Nothing is running. Phase 2 is complete on 0 of 2 dates, unknown on 1; next:"
    assert (found.gaps, found.tail) == (1, "2 partitions are unknown.")


def test_a_pipeline_without_gaps_is_shown_as_complete(coverage):
    found = say(coverage(sales="cc", visits="cc", trend="cn"))

    assert found.text == "Nothing is running, and every phase is complete on all of its dates."
