"""A run that fills again what is complete: its readers are called after their inputs, never on the old rows."""

from collections.abc import Callable

import pytest

from apps.coverage.scanning import warehouses
from apps.pipeline import definition
from apps.runs.engine import claims, picking, runner
from apps.runs.engine.lane_context import LaneContext
from apps.runs.engine.lease_heartbeat import LeaseHeartbeat
from apps.runs.models import Attempt, Lane, Run, leases
from tests.conftest import Ask, day
from tests.runs.conftest import step

REDO = {
    "tables": ["daily.sales", "weekly.trend"],
    "start": day("01-04"),
    "end": day("01-06"),
    "reprocess": Run.Reprocess.ALL,
}


@pytest.fixture
def no_gate(rewrite) -> None:
    """The shop without a person before its last phase, and with single dates a call of sales."""
    rewrite('gate = "manual"', 'gate = "auto"')
    rewrite("batch = 4", "batch = 1")


@pytest.fixture
def filled(no_gate, inputs, ask: Ask) -> None:
    """Sales, visits and trend are there from 1 to 6 January, written long ago."""
    ask(
        "INSERT INTO weekly.trend SELECT day, 80.0 FROM raw.days WHERE day BETWEEN '2024-01-04' AND '2024-01-06'"
    )


def calls(run: Run) -> list[tuple[str, list[str]]]:
    return [(call.table, call.dates) for call in run.attempts.order_by("number")]


def test_a_reader_is_called_after_the_redo_of_all_that_it_reads(filled, launch, drive):
    run = drive(launch(**REDO))

    assert run.status == Run.Status.SUCCEEDED, run.message
    assert [table for table, _ in calls(run)] == ["daily.sales"] * 3 + ["weekly.trend"]
    last_input = run.attempts.filter(table="daily.sales").latest("number")
    reader = run.attempts.get(table="weekly.trend")
    assert reader.started_at >= last_input.finished_at


def test_a_reader_of_an_input_whose_redo_failed_is_skipped(filled, launch, drive, fault, ask: Ask):
    fault("daily.sales", "01-05", "overflow")

    run = drive(launch(**REDO))

    assert step(run, "01-05").status == "failed"
    assert {s.date: s.message for s in run.steps.filter(status="skipped")} == {
        day("01-05"): "sales failed on 2024-01-05 in this run",
        day("01-06"): "sales failed on 2024-01-05 in this run",
    }
    assert ask("SELECT day, score FROM weekly.trend ORDER BY day") == [
        (day("01-04"), 90.0),
        (day("01-05"), 80.0),
        (day("01-06"), 80.0),
    ]


def test_newest_first_waits_for_the_older_dates_that_it_reads(filled, launch, drive):
    run = drive(launch(**REDO, order=Run.Order.NEWEST))

    assert run.status == Run.Status.SUCCEEDED, run.message
    assert [table for table, _ in calls(run)] == ["daily.sales"] * 3 + ["weekly.trend"]


def test_an_override_starts_after_a_failed_input_but_not_before_it(filled, launch, drive, fault):
    fault("daily.sales", "01-05", "overflow")
    run = launch(**REDO)
    Run.objects.filter(pk=run.pk).update(override_reason="the old rows will do")
    run.refresh_from_db()

    run = drive(run)

    assert [table for table, _ in calls(run)] == ["daily.sales"] * 3 + ["weekly.trend"]
    overridden = run.steps.filter(is_overridden=True).values_list("date", flat=True)
    assert sorted(overridden) == [day("01-05"), day("01-06")]


@pytest.fixture
def visits_first(shop) -> None:
    """Visits, which are at least half as many as sales, stand before them in the file."""
    path = shop.parent / "shop.toml"
    head, *tables = path.read_text().split("[[table]]\n")
    tables[2], tables[3] = tables[3], tables[2]
    path.write_text("[[table]]\n".join([head, *tables]))
    definition.load.cache_clear()


def test_a_table_is_filled_after_the_one_that_it_is_compared_with(visits_first, pipeline, launch, drive):
    assert [table.name for table in pipeline.tables][2:4] == ["daily.visits", "daily.sales"]

    run = drive(launch(tables=["daily.sales", "daily.visits"], start=day("01-01"), end=day("01-03")))

    assert run.status == Run.Status.SUCCEEDED, run.message
    assert [table for table, _ in calls(run)] == ["daily.sales", "daily.visits"]


def test_a_comparison_orders_and_closes_nothing(launch, drive, fault):
    fault("daily.sales", "01-02", "0.5")

    run = drive(launch(tables=["daily.sales", "daily.visits"], start=day("01-01"), end=day("01-03")))

    assert step(run, "01-02").status == "failed"
    assert step(run, "01-02", "daily.visits").status == "succeeded"


@pytest.fixture
def lane(pipeline) -> Callable[[Run], runner.Runner]:
    """Takes a lane of a run."""

    def take(run: Run) -> runner.Runner:
        Lane.objects.filter(run=run).update(lease_until=None)
        lease = leases.take(run.pk)
        assert lease
        return runner.Runner(
            LaneContext(run, pipeline, LeaseHeartbeat(run.pk, lease)), warehouses.open_warehouse(pipeline)
        )

    return take


def test_second_lane_does_not_start_a_step_during_the_redo_of_its_input(filled, launch, lane):
    run = launch(**REDO)
    Run.objects.filter(pk=run.pk).update(status=Run.Status.RUNNING)
    run.refresh_from_db()
    holder = lane(run)

    taken = claims.claim(holder.lane)
    beside = picking.pick(holder.pipeline, run)

    assert isinstance(taken, tuple)
    assert taken[1].table == "daily.sales"
    assert beside is picking.NoWork.WAIT
    assert Attempt.objects.count() == 1
