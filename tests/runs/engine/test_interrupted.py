"""What a call that was cut off left on its dates is read again, or unknown: never what was known before it."""

import datetime as dt

import pytest

from apps.coverage.models import Partition
from apps.coverage.scanning import snapshots
from apps.runs import control
from apps.runs.engine import interrupted
from apps.runs.models import Run
from apps.warehouse.base import Unreachable
from tests.conftest import day
from tests.runs.conftest import meanwhile, sales, step, wait_until
from tests.runs.test_control import during_the_call

pytestmark = pytest.mark.postgresql

HANGS = "hang after DELETE FROM daily.sales WHERE day <= '2024-01-03'"


@pytest.fixture
def redo(launch, fault, fill):
    """A redo of two complete dates whose job deletes them, and the day after them, and hangs."""
    fill("01-01", "01-02", "01-03")
    fault("daily.sales", "01-01", HANGS)
    return launch(reprocess="all", **sales("01-01", "01-02"))


def states() -> list[str]:
    dates = [day("01-01"), day("01-02"), day("01-03")]
    rows = Partition.objects.of(["daily.sales"]).filter(date__in=dates).order_by("date")
    return list(rows.values_list("state", flat=True))


def after_the_deletion(run, verb):
    """Somebody asks for this while the call hangs, after it has deleted its dates."""

    def ask_for_it(run, **by):
        wait_until(lambda: "hangs" in run.attempts.get().log_path.read_text())
        verb(run, **by)

    return meanwhile(lambda: during_the_call(run, ask_for_it))


@pytest.mark.parametrize("verb", [control.stop, control.cancel])
def test_dates_that_a_stopped_call_deleted_are_missing(redo, drive, verb):
    with after_the_deletion(redo, verb):
        drive(redo)

    assert states() == ["missing", "missing", "missing"]
    assert [str(each.date) for each in Partition.objects.regressions().order_by("date")] == [
        "2024-01-01",
        "2024-01-02",
        "2024-01-03",
    ]


def test_dates_of_a_stopped_attempt_are_unknown_if_the_warehouse_is_unreachable(redo, drive, monkeypatch):
    asked, really = [], snapshots.take_snapshot

    def only_before_the_call(*args):
        asked.append(args)
        if len(asked) > 1:
            raise Unreachable("the warehouse is away")
        return really(*args)

    monkeypatch.setattr(snapshots, "take_snapshot", only_before_the_call)
    with after_the_deletion(redo, control.stop):
        drive(redo)

    assert states()[:2] == ["unknown", "unknown"]
    found = Partition.objects.get(table="daily.sales", date=day("01-01"))
    assert found.reason == f"attempt 1 of run {redo.pk} was cut off, and the date was not read since"


def test_resumed_run_refills_dates_deleted_by_a_stopped_attempt(redo, drive, fault):
    with after_the_deletion(redo, control.stop):
        drive(redo)
    fault.mend()
    control.resume(redo, by="olga")

    run = drive(redo)

    assert {each.status for each in run.steps.all()} == {"succeeded"}
    assert (step(run, "01-01").rows_after, run.status) == (8, Run.Status.FAILED)
    assert run.message == (
        "All 2 steps verified, but rows were lost on complete dates that were not asked for: sales 2024-01-03"
    )


def test_downstream_of_an_interrupted_attempt_is_stale_immediately(launch, drive, warehouse):
    run = drive(launch(**sales("01-04", "01-05")))
    before = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    trend = Partition.objects.filter(table="weekly.trend", date=day("01-05"))
    trend.update(state="complete", modified_at=before)

    interrupted.read_again(run.attempts.get(), warehouse)

    assert trend.get().state == "stale"
