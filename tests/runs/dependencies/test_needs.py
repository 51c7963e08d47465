"""A need whose sources were emptied between a plan and its calls, or of which nobody knows what they have."""

import pytest

from apps.coverage.models import Partition
from apps.pipeline.definition import Pipeline
from apps.runs import control
from apps.runs.dependencies import blocked_steps, needs
from apps.runs.dependencies.gates import Readiness
from apps.runs.models import Run, Step
from tests.conftest import Ask, day
from tests.runs.conftest import add_step, step
from tests.runs.engine.test_side_effects import sales

ORDERS, BACKUP = SOURCES = ("raw.orders", "raw.orders_backup")
FIRST_DAYS = sales("01-01", "01-06")


@pytest.fixture
def empty(ask: Ask):
    """Takes a date away from sources: `empty("01-05", "raw.orders")`; without a name from all of them."""

    def delete(date: str, *tables: str) -> None:
        for table in tables or SOURCES:
            ask(f"DELETE FROM {table} WHERE day = ?", day(date))

    return delete


def test_a_step_whose_sources_were_emptied_since_the_plan_is_skipped(launch, drive, empty, scan):
    run = launch(**FIRST_DAYS)
    empty("01-05")
    scan()

    drive(run)

    assert (step(run, "01-05").status, step(run, "01-05").message) == (
        Step.Status.SKIPPED,
        "no source of Orders has 2024-01-05: orders is missing, orders_backup is missing",
    )
    assert not any("2024-01-05" in attempt.dates for attempt in run.attempts.all())
    assert run.steps.filter(status="succeeded").count() == 5


def test_a_fallback_that_has_the_date_serves_it(launch, drive, empty, scan):
    run = launch(**FIRST_DAYS)
    empty("01-05", ORDERS)
    scan()

    assert drive(run).message == "All 6 steps verified"


def test_override_starts_a_step_without_a_source(launch, drive, empty, scan):
    run = launch(**FIRST_DAYS)
    Run.objects.filter(pk=run.pk).update(override_reason="the job has a source of its own")
    empty("01-05")
    scan()

    run.refresh_from_db()
    drive(run)

    assert (step(run, "01-05").status, step(run, "01-05").is_overridden) == ("succeeded", True)


def test_unknown_sources_are_read_before_the_call(launch, drive, empty):
    run = launch(**FIRST_DAYS)
    empty("01-05")
    Partition.objects.filter(table__in=SOURCES).update(state="unknown", rows=None)

    drive(run)

    assert step(run, "01-05").message.startswith("no source of Orders has 2024-01-05")
    assert run.steps.filter(status="succeeded").count() == 5


def test_known_sources_are_not_read_again(launch, drive, empty, monkeypatch):
    run = launch(**FIRST_DAYS)
    asked = []
    monkeypatch.setattr("apps.runs.engine.runner.Runner.read_inputs", lambda self, keys: asked.append(keys))
    empty("01-05")

    drive(run)

    assert asked == []


def test_sources_that_cannot_be_read_make_the_run_wait_and_skip_nothing(launch, drive, ask: Ask):
    run = launch(**FIRST_DAYS)
    for table in SOURCES:
        ask(f"ALTER TABLE {table} RENAME COLUMN day TO lost")
    Partition.objects.filter(table__in=SOURCES).update(state="unknown", rows=None)

    drive(run)

    assert (run.status, run.pause_reason) == (Run.Status.PAUSED, Run.PauseReason.WAREHOUSE)
    assert run.message.startswith("orders could not be read on 2024-01-01")
    assert set(run.steps.values_list("status", flat=True)) == {"pending"}


def mark(table: str, date: str, state: str) -> None:
    Partition.objects.filter(table=table, date=day(date)).update(state=state)


@pytest.fixture
def ready(pipeline: Pipeline, scan):
    """What keeps dates of sales from starting, with sources as a test left them and the need as it has it."""
    scan()

    def ask(*dates: str, at_least: float = 1.0, sources: tuple[str, ...] = SOURCES, run: Run | None = None):
        need = pipeline.needs[0].model_copy(update={"at_least": at_least, "sources": sources})
        run = run or Run.objects.create(title="a run")
        asked = pipeline.model_copy(update={"needs": (need,)})
        table = asked.table("weekly.trend" if "daily" in sources[0] else "daily.sales")
        need = need.model_copy(update={"used_by": (table.name,)})
        asked = pipeline.model_copy(update={"needs": (need,)})
        return needs.add(Readiness(), asked, table, [day(date) for date in dates], run=run)

    return ask


def test_each_source_is_named_with_what_is_wrong_with_it(ready):
    mark(ORDERS, "01-05", "missing")
    mark(BACKUP, "01-05", "thin")

    says = "no source of Orders has 2024-01-05: orders is missing, orders_backup is thin"
    assert ready("01-04", "01-05").closed == {day("01-05"): says}


def test_unknown_source_is_read_and_does_not_close_the_need(ready):
    mark(ORDERS, "01-05", "unknown")
    mark(BACKUP, "01-05", "missing")

    found = ready("01-05")

    assert (found.closed, found.unread) == ({}, {day("01-05"): [(ORDERS, day("01-05"))]})


def test_a_season_that_fell_below_the_share_closes_all_its_dates(ready):
    for table in SOURCES:
        mark(table, "03-01", "missing")
        mark(table, "03-02", "missing")

    says = "need Orders has 80 % of 85 % in spring: orders is missing on 2024-03-01 and 1 more"
    assert ready("01-05", "03-05", at_least=0.85).closed == {day("03-05"): says}
    assert ready("03-05", at_least=0.8).closed == {}


def test_unknown_dates_that_decide_the_share_of_a_season_are_read(ready):
    for table in SOURCES:
        mark(table, "03-01", "unknown")
        mark(table, "03-02", "unknown")

    found = ready("03-05", at_least=0.85)

    assert found.closed == {}
    assert {date for _, date in found.unread[day("03-05")]} == {day("03-01"), day("03-02")}
    assert ready("03-05", at_least=0.8).unread == {}


@pytest.fixture
def filler(ready) -> Run:
    """A run that is to fill sales, a source of a need of trend."""
    run = Run.objects.create(title="fills a source")
    add_step(run, "01-05")
    return run


def test_a_source_that_the_run_is_still_to_fill_is_waited_for(ready, filler):
    found = ready("01-05", sources=("daily.sales",), run=filler)

    assert (found.closed, found.waiting) == ({}, {day("01-05"): "sales is still to be filled on 2024-01-05"})


def test_a_source_that_another_run_is_to_fill_is_waited_for(ready, filler):
    assert ready("01-05", sources=("daily.sales",)).awaited_runs == {day("01-05"): filler.pk}


def test_a_source_that_failed_in_this_run_closes_its_readers(ready, filler):
    mark("daily.sales", "01-05", "complete")
    filler.steps.update(status="failed", state_after="complete")

    says = "no source of Orders has 2024-01-05: sales failed in this run"
    assert ready("01-05", sources=("daily.sales",), run=filler).closed == {day("01-05"): says}


def test_number_of_queries_for_needs_does_not_grow_with_the_dates(ready, django_assert_num_queries, pipeline):
    run = Run.objects.create(title="a run")

    for dates in ([day("01-05")], [day(f"01-{number:02}") for number in range(8, 20)]):
        with django_assert_num_queries(3):
            needs.add(Readiness(), pipeline, pipeline.table("daily.sales"), dates, run=run)


def test_table_without_a_need_takes_no_query(ready, django_assert_num_queries, pipeline):
    with django_assert_num_queries(0):
        needs.add(Readiness(), pipeline, pipeline.table("weekly.trend"), [day("01-05")], run=Run())


# It is foretold ---------------------------------------------------------------------------------------


def test_predicted_skips_include_dates_whose_sources_were_emptied(launch, drive, empty, scan, pipeline):
    run = launch(tables=["daily.sales", "daily.visits"], start=day("01-01"), end=day("01-06"))
    empty("01-05")
    scan()

    foretold = blocked_steps.of_run(pipeline, run)

    assert foretold.sentence == ("2 would be skipped, behind 1 date: 2024-01-05 of Orders (no source has it)")
    drive(run)
    skipped = set(run.steps.filter(status="skipped").values_list("table", "date"))
    assert skipped == {(table, date) for table, dates in foretold.dates.items() for date in dates}


def test_predicted_skips_include_downstream_of_a_step_without_a_source(launch, drive, empty, scan, pipeline):
    run = launch(tables=["daily.sales", "daily.visits", "weekly.trend"], start=day("01-01"), end=day("01-10"))
    empty("01-05")
    scan()

    foretold = blocked_steps.of_run(pipeline, run)

    trend = [day(f"01-0{number}") for number in (5, 6, 8)]
    assert sorted(foretold.dates["weekly.trend"]) == trend
    assert foretold.sentence == "5 would be skipped, behind 1 date: 2024-01-05 of Orders (no source has it)"


def test_foretelling_takes_as_many_queries_however_many_dates_there_are(
    launch, pipeline, django_assert_num_queries
):
    for end in ("01-06", "01-20"):
        run = launch(start=day("01-01"), end=day(end))
        with django_assert_num_queries(8):
            blocked_steps.of_run(pipeline, run)
        control.cancel(run, by="olga")
