"""What must be complete before a step may start."""

import pytest

from apps.coverage.models import Partition
from apps.runs import gates
from apps.runs.models import Run, Step
from tests.conftest import day


@pytest.fixture
def trend(pipeline, scan):
    """The table that looks back three days at sales, and at the same day's visits; all of that is complete."""
    scan()
    Partition.objects.filter(table__startswith="daily", season="winter").update(state="complete")
    return pipeline.table("weekly.trend")


def mark(date: str, state: str, table: str = "daily.sales") -> None:
    Partition.objects.filter(table=table, date=day(date)).update(state=state)


def test_complete_inputs_open_the_gate(trend):
    assert gates.closed(trend, [day("01-10"), day("01-11")]) == {}


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ("missing", "sales is missing on 2024-01-10"),
        ("thin", "sales is thin on 2024-01-10"),
        ("excess", "sales is excess on 2024-01-10"),
        ("stale", "sales is stale on 2024-01-10"),
        ("unknown", "sales has not been read on 2024-01-10"),
    ],
)
def test_an_input_that_is_not_complete_closes_it(trend, state, says):
    mark("01-10", state)

    assert gates.closed(trend, [day("01-10")]) == {day("01-10"): says}


@pytest.mark.parametrize("state", ["complete", "accepted", "not_expected"])
def test_what_needs_no_rows_does_not_close_it(trend, state):
    mark("01-10", state)

    assert gates.closed(trend, [day("01-10")]) == {}


def test_the_lookback_counts_in_days(trend):
    mark("01-10", "missing")

    closed = gates.closed(trend, [day(f"01-{number:02}") for number in range(9, 16)])

    assert sorted(closed) == [day("01-10"), day("01-11"), day("01-12"), day("01-13")]


def test_several_gaps_are_counted(trend):
    mark("01-10", "missing")
    mark("01-12", "thin")

    assert gates.closed(trend, [day("01-12")])[day("01-12")] == "sales is missing on 2024-01-10 and 1 more"


def test_an_expected_date_of_which_nothing_was_ever_read_closes_it(trend):
    Partition.objects.filter(table="daily.sales", date=day("01-10")).delete()

    assert gates.closed(trend, [day("01-10")]) == {day("01-10"): "sales has not been read on 2024-01-10"}


def test_a_closed_day_needs_nothing(trend):
    assert not Partition.objects.filter(table="daily.sales", date=day("01-07")).exists()
    assert gates.closed(trend, [day("01-08")]) == {}


def test_gates_take_two_queries_however_many_dates_there_are(trend, django_assert_num_queries):
    with django_assert_num_queries(2):
        gates.closed(trend, [day(f"01-{number:02}") for number in range(4, 20)])


def test_a_table_without_inputs_has_no_gate(pipeline, db, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert gates.closed(pipeline.table("daily.sales"), [day("01-10")]) == {}


@pytest.fixture
def run(trend) -> Run:
    run = Run.objects.create(title="a run", status=Run.Status.PAUSED, pause=Run.Pause.GATE)
    for position, table in enumerate(("daily.sales", "weekly.trend")):
        Step.objects.create(
            run=run,
            position=position,
            phase=str(position + 2),
            table=table,
            date=day("01-10"),
            season="winter",
        )
    return run


def test_a_person_reads_what_the_next_phase_needs(run, pipeline):
    mark("01-09", "missing")
    Partition.objects.filter(table="daily.sales", date=day("01-08")).delete()

    sales, visits = gates.readiness(pipeline, run, "3")

    assert (sales.start, sales.end, sales.needed, sales.found) == (day("01-07"), day("01-10"), 3, 1)
    assert (sales.first_missing, sales.is_met) == ("2024-01-08 to 2024-01-09", False)
    assert (visits.needed, visits.found, visits.is_met) == (1, 1, True)


def test_a_manual_gate_stands_before_a_phase_that_follows_another(run, pipeline):
    assert gates.manual_gate(pipeline, run, "3")
    assert not gates.manual_gate(pipeline, run, "2")


def test_a_run_of_one_phase_was_started_by_hand_already(run, pipeline):
    run.steps.filter(phase="2").delete()

    assert not gates.manual_gate(pipeline, run, "3")


def test_a_gate_that_a_person_opened_stays_open(run, pipeline):
    run.released_phases = ["3"]

    assert not gates.manual_gate(pipeline, run, "3")
