"""Complete partitions whose inputs were written after them."""

import datetime as dt

import pytest

from apps.coverage.models import Partition, Scan
from apps.coverage.scanning import partial_scan, staleness
from apps.coverage.verification import verifier
from apps.pipeline.scope import scope
from apps.runs.models import Run
from tests.conftest import day

NOON = dt.datetime(2024, 2, 1, 12, tzinfo=dt.UTC)
LATER = NOON + dt.timedelta(minutes=5)


def written(table: str, date: str, at: dt.datetime) -> None:
    """As an engine notes it that knows when each date was written."""
    Partition.objects.filter(table=table, date=day(date)).update(modified_at=at)


def state_of(table: str, date: str) -> tuple[str, str]:
    return Partition.objects.values_list("state", "reason").get(table=table, date=day(date))


@pytest.fixture
def week(launch, drive) -> Run:
    """The first week, filled, and all of it written at noon."""
    run = launch(start=day("01-01"), end=day("01-06"))
    Run.objects.filter(pk=run.pk).update(released_phases=["3"])
    run = drive(Run.objects.get(pk=run.pk))
    assert run.status == Run.Status.SUCCEEDED
    Partition.objects.filter(state="complete").update(modified_at=NOON)
    return run


def test_a_date_is_stale_where_an_input_in_its_lookback_was_written_after_it(week, pipeline):
    written("daily.sales", "01-03", LATER)

    staleness.mark(pipeline)

    state, reason = state_of("weekly.trend", "01-06")
    assert (state, reason) == (
        "stale",
        "sales of 2024-01-03 was written after it, on 2024-02-01 at 12:05 UTC",
    )


@pytest.mark.parametrize("state", ["excess", "thin", "accepted"])
def test_a_newer_input_makes_a_date_stale_even_if_the_input_is_not_complete(week, pipeline, state):
    written("daily.sales", "01-03", LATER)
    Partition.objects.filter(table="daily.sales", date=day("01-03")).update(state=state)

    staleness.mark(pipeline)

    assert state_of("weekly.trend", "01-06")[0] == "stale"


def test_an_unknown_input_makes_no_date_stale(week, pipeline):
    written("daily.sales", "01-03", LATER)
    Partition.objects.filter(table="daily.sales", date=day("01-03")).update(state="unknown")

    staleness.mark(pipeline)

    assert state_of("weekly.trend", "01-06")[0] == "complete"


def test_an_input_outside_the_lookback_makes_no_date_stale(week, pipeline):
    written("daily.sales", "01-02", LATER)

    staleness.mark(pipeline)

    assert state_of("weekly.trend", "01-06") == ("complete", "")


def test_the_source_that_serves_a_date_counts_and_its_fallback_does_not(week, pipeline):
    written("raw.orders", "01-03", LATER)
    written("raw.orders_backup", "01-04", LATER)

    staleness.mark(pipeline)

    assert state_of("daily.sales", "01-03")[0] == "stale"
    assert state_of("daily.sales", "01-04")[0] == "complete"


def test_a_fallback_that_does_not_serve_a_date_makes_nothing_stale(week, pipeline):
    Partition.objects.filter(table="raw.orders").update(modified_at=None, written_at=None)
    written("raw.orders_backup", "01-03", LATER)

    staleness.mark(pipeline)

    assert state_of("daily.sales", "01-03") == ("complete", "")


def test_verification_reports_a_stale_date_before_and_after_a_scan(week, pipeline, warehouse, scan):
    written("daily.visits", "01-05", LATER)
    wanted = scope(pipeline, tables=["weekly.trend"], start=day("01-04"), end=day("01-06"))

    before = verifier.verify(pipeline, warehouse, wanted)
    scan()
    after = verifier.verify(pipeline, warehouse, wanted)

    assert before.verdict == after.verdict == "not passed"
    assert [reason.text for reason in before.reasons] == [reason.text for reason in after.reasons]
    assert state_of("weekly.trend", "01-05")[0] == "stale"


def test_a_partial_scan_marks_downstream_dates_stale(week, pipeline, warehouse):
    written("daily.visits", "01-05", LATER)

    partial_scan.scan(
        pipeline, warehouse, scope(pipeline, tables=["daily.visits"], start=day("01-05"), end=day("01-05"))
    )

    assert [state_of("weekly.trend", date)[0] for date in ("01-04", "01-05")] == ["complete", "stale"]


def test_a_stale_date_stays_stale_after_a_scan_without_changes(week, pipeline, scan):
    scan()
    written("daily.visits", "01-05", LATER)
    staleness.mark(pipeline)

    scan()

    assert state_of("weekly.trend", "01-05")[0] == "stale"
    assert Scan.objects.latest("id").changed == 0


def test_a_stale_date_is_complete_again_once_it_is_rewritten(week, pipeline):
    written("daily.visits", "01-05", LATER)
    staleness.mark(pipeline)
    written("weekly.trend", "01-05", LATER + dt.timedelta(minutes=1))

    assert len(staleness.mark(pipeline)) == 1
    assert state_of("weekly.trend", "01-05") == ("complete", "")


def test_a_finished_run_makes_downstream_dates_stale(week, launch, drive, pipeline):
    Partition.objects.filter(table="daily.sales").update(modified_at=None)  # its own column says when

    drive(launch(tables=["daily.sales"], start=day("01-06"), end=day("01-06"), reprocess="all"))

    assert state_of("weekly.trend", "01-06")[0] == "stale"


def test_a_plan_takes_stale_dates_in_and_their_job_is_called(week, launch, drive, pipeline):
    written("daily.visits", "01-05", LATER)
    staleness.mark(pipeline)

    run = drive(launch(tables=["weekly.trend"], start=day("01-01"), end=day("01-06")))

    assert [attempt.dates for attempt in run.attempts.all()] == [["2024-01-05"]]
    assert run.status == Run.Status.SUCCEEDED
