"""What must be complete before a step may start."""

import datetime as dt

import pytest

from apps.coverage.models import Partition
from apps.pipeline.sections import Table
from apps.runs.dependencies import gates
from apps.runs.models import Run
from tests.conftest import day
from tests.runs.conftest import add_step


@pytest.fixture
def trend(pipeline, scan):
    """The table that looks back three days at sales, and at the same day's visits; all of that is complete."""
    scan()
    Partition.objects.filter(table__startswith="daily", season="winter").update(state="complete")
    return pipeline.table("weekly.trend")


@pytest.fixture
def closed(db):
    """Which dates may not start in a run that fills no input of theirs, and why."""
    run = Run.objects.create(title="a run")

    def ask(table: Table, dates: list[dt.date]) -> dict[dt.date, str]:
        return gates.readiness_of(table, dates, run=run).closed

    return ask


def mark(date: str, state: str, table: str = "daily.sales") -> None:
    Partition.objects.filter(table=table, date=day(date)).update(state=state)


def test_complete_inputs_open_the_gate(trend, closed):
    assert closed(trend, [day("01-10"), day("01-11")]) == {}


@pytest.mark.parametrize("state", ["missing", "thin", "excess", "stale"])
def test_incomplete_input_closes_the_gate(trend, state, closed):
    mark("01-10", state)

    assert closed(trend, [day("01-10")]) == {day("01-10"): f"sales is {state} on 2024-01-10"}


def test_a_date_waits_for_what_its_rows_are_compared_with(trend, pipeline):
    run = Run.objects.create(title="fills sales")
    add_step(run, "01-10")

    ready = gates.readiness_of(pipeline.table("daily.visits"), [day("01-10"), day("01-11")], run=run)

    assert ready.waiting == {day("01-10"): "sales is still to be filled on 2024-01-10"}


@pytest.mark.parametrize("state", ["complete", "accepted", "not_expected"])
def test_complete_accepted_or_not_expected_input_does_not_close_the_gate(trend, state, closed):
    mark("01-10", state)

    assert closed(trend, [day("01-10")]) == {}


def test_the_lookback_counts_in_days(trend, closed):
    mark("01-10", "missing")

    found = closed(trend, [day(f"01-{number:02}") for number in range(9, 16)])

    assert sorted(found) == [day("01-10"), day("01-11"), day("01-12"), day("01-13")]


def test_several_gaps_are_counted(trend, closed):
    mark("01-10", "missing")
    mark("01-12", "thin")

    assert closed(trend, [day("01-12")])[day("01-12")] == "sales is missing on 2024-01-10 and 1 more"


def test_an_unknown_input_closes_nothing_and_is_to_be_read(trend, closed):
    mark("01-10", "unknown")

    ready = gates.readiness_of(trend, [day("01-10")], run=Run.objects.create(title="another"))

    assert (ready.closed, ready.unread) == ({}, {day("01-10"): [("daily.sales", day("01-10"))]})


def test_an_expected_date_that_was_never_read_is_to_be_read(trend):
    Partition.objects.filter(table="daily.sales", date=day("01-10")).delete()

    ready = gates.readiness_of(trend, [day("01-10")], run=Run.objects.create(title="a run"))

    assert (ready.closed, ready.unread) == ({}, {day("01-10"): [("daily.sales", day("01-10"))]})


def test_a_closed_day_needs_nothing(trend, closed):
    assert not Partition.objects.filter(table="daily.sales", date=day("01-07")).exists()
    assert closed(trend, [day("01-08")]) == {}


def test_gates_take_as_many_queries_however_many_dates_there_are(trend, django_assert_num_queries, closed):
    mark("01-10", "missing")

    with django_assert_num_queries(4):
        closed(trend, [day(f"01-{number:02}") for number in range(4, 20)])


def test_a_table_without_inputs_has_no_gate(pipeline, closed, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert closed(pipeline.table("daily.sales"), [day("01-10")]) == {}


@pytest.fixture
def run(trend) -> Run:
    tables = {"tables": ["daily.sales", "weekly.trend"]}
    run = Run.objects.create(
        title="a run", status=Run.Status.PAUSED, pause_reason=Run.PauseReason.GATE, selection=tables
    )
    add_step(run, "01-10")
    add_step(run, "01-10", "weekly.trend", phase="3")
    return run


def test_readiness_lists_needed_and_found_dates_of_the_next_phase(run, pipeline):
    mark("01-09", "missing")
    Partition.objects.filter(table="daily.sales", date=day("01-08")).delete()

    sales, visits = gates.readiness(pipeline, run, "3")

    assert (sales.start, sales.end, sales.needed, sales.found) == (day("01-07"), day("01-10"), 3, 1)
    assert (sales.first_missing, sales.is_met) == ("2024-01-08 to 2024-01-09", False)
    assert (visits.needed, visits.found, visits.is_met) == (1, 1, True)


def test_dates_between_two_lookbacks_are_not_needed(run, pipeline):
    add_step(run, "01-20", "weekly.trend", phase="3")
    mark("01-15", "missing")

    sales, visits = gates.readiness(pipeline, run, "3")

    assert (sales.start, sales.end, sales.needed, sales.found) == (day("01-07"), day("01-20"), 7, 7)
    assert (visits.needed, visits.is_met) == (2, True)


def test_a_manual_gate_stands_before_a_phase_that_follows_another(run, pipeline):
    assert gates.manual_gate(pipeline, run, "3")
    assert not gates.manual_gate(pipeline, run, "2")


def test_manual_gate_applies_even_if_the_earlier_phase_has_no_steps(run, pipeline):
    run.steps.filter(phase="2").delete()

    assert gates.manual_gate(pipeline, run, "3")


def test_step_waits_for_a_missing_input_that_its_run_will_fill(run, trend):
    mark("01-10", "missing")

    ready = gates.readiness_of(trend, [day("01-10")], run=run)

    assert (ready.waiting, ready.closed) == ({day("01-10"): "sales is still to be filled on 2024-01-10"}, {})


def test_a_complete_input_that_this_run_is_to_redo_is_waited_for(run, trend):
    ready = gates.readiness_of(trend, [day("01-10"), day("01-13"), day("01-14")], run=run)

    assert (list(ready.waiting), ready.closed) == ([day("01-10"), day("01-13")], {})


@pytest.mark.parametrize(
    ("status", "says"),
    [
        ("failed", "sales failed on 2024-01-10 in this run"),
        ("skipped", "sales was skipped on 2024-01-10 in this run"),
        ("cancelled", "sales was cancelled on 2024-01-10 in this run"),
    ],
)
def test_failed_redo_of_an_input_closes_the_gate_of_its_downstream_steps(run, trend, status, says):
    run.steps.filter(table="daily.sales").update(status=status, state_after="complete")

    ready = gates.readiness_of(trend, [day("01-10"), day("01-13"), day("01-14")], run=run)

    assert ready.closed == {day("01-10"): says, day("01-13"): says}


def test_input_that_failed_while_missing_and_is_complete_now_opens_the_gate(run, trend):
    run.steps.filter(table="daily.sales").update(status="failed", state_after="missing")

    assert gates.readiness_of(trend, [day("01-10")], run=run).closed == {}


def test_a_failed_redo_that_a_later_run_verified_opens(run, trend):
    run.steps.filter(table="daily.sales").update(status="failed", state_after="complete")
    add_step(Run.objects.create(title="a later run"), "01-10", status="succeeded")

    assert gates.readiness_of(trend, [day("01-10")], run=run).closed == {}


def test_gap_no_run_will_fill_takes_precedence_over_one_this_run_will_fill(run, trend):
    mark("01-10", "missing")
    mark("01-09", "thin")

    ready = gates.readiness_of(trend, [day("01-10")], run=run)

    assert ready.closed == {day("01-10"): "sales is thin on 2024-01-09"}


def test_input_that_failed_in_this_run_is_not_waited_for(run, trend):
    mark("01-10", "missing")
    run.steps.filter(table="daily.sales").update(status="failed")

    assert list(gates.readiness_of(trend, [day("01-10")], run=run).closed) == [day("01-10")]


def test_run_of_a_single_phase_has_no_manual_gate(run, pipeline):
    run.selection = {"tables": ["weekly.trend"]}

    assert not gates.manual_gate(pipeline, run, "3")


def test_released_manual_gate_stays_open(run, pipeline):
    run.released_phases = ["3"]

    assert not gates.manual_gate(pipeline, run, "3")
