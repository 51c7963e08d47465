"""Which steps a launch would make, and why not the others."""

import pytest
from django.utils import timezone

from apps.coverage.calendar import removed_dates
from apps.coverage.models import Partition, Scan
from apps.coverage.scanning import full_scan, storing, warehouses
from apps.pipeline import definition
from apps.pipeline.definition import Pipeline
from apps.runs import control
from apps.runs.models import Run
from apps.runs.pages import launch_plan
from apps.runs.plans import planning, reasons, selections
from apps.runs.plans.plan import Plan
from apps.runs.plans.selections import PlanRefused
from tests.conftest import day

WEEK = {"start": day("01-01"), "end": day("01-07")}
SALES = {"tables": ["daily.sales"], **WEEK}


@pytest.fixture
def plan(pipeline, scan):
    """A plan from what is stored; the warehouse was scanned once."""
    scan()

    def make(**kwargs) -> Plan:
        return planning.plan(pipeline, selections.select(pipeline, **kwargs))

    return make


def mark(date: str, table: str = "daily.sales", **changes) -> None:
    Partition.objects.filter(table=table, date=day(date)).update(**changes)


def dates(found: Plan) -> list[str]:
    return [f"{step.date:%m-%d}" for step in found.steps]


# Reasons ------------------------------------------------------------------------------------------


def test_gaps_are_steps_and_a_closed_day_is_left_out(plan):
    found = plan(**SALES)

    assert dates(found) == ["01-01", "01-02", "01-03", "01-04", "01-05", "01-06"]
    assert found.left_out == {"off the calendar": [("daily.sales", day("01-07"))]}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"state": "complete"}, "complete"),
        ({"state": "not_expected"}, "bootstrap"),
        ({"state": "unexpected"}, "bootstrap"),
        ({"state": "accepted"}, "accepted"),
        ({"state": "unknown"}, "unknown: scan the warehouse first"),
        ({"activity": "queued", "run_id": 7}, "running elsewhere: run 7"),
        ({"activity": "running", "run_id": 8}, "running elsewhere: run 8"),
    ],
)
def test_a_date_is_left_out_with_its_reason(plan, changes, reason):
    mark("01-02", **changes)

    found = plan(**SALES)

    assert found.left_out[reason] == [("daily.sales", day("01-02"))]
    assert "01-02" not in dates(found)


@pytest.mark.parametrize("state", ["missing", "thin", "excess", "stale"])
def test_every_kind_of_gap_is_a_step(plan, state):
    mark("01-02", state=state)

    assert "01-02" in dates(plan(**SALES))


def test_a_date_of_which_nothing_was_ever_read_is_unknown(plan):
    Partition.objects.filter(table="daily.sales", date=day("01-02")).delete()

    assert plan(**SALES).left_out["unknown: scan the warehouse first"] == [("daily.sales", day("01-02"))]


def test_a_date_that_no_source_has_is_left_out(plan, pipeline):
    mark("01-02", table="raw.orders", state="missing")
    assert "01-02" in dates(plan(**SALES))

    mark("01-02", table="raw.orders_backup", state="missing")
    assert plan(**SALES).left_out["no source has the date"] == [("daily.sales", day("01-02"))]


def test_a_source_that_could_not_be_read_may_have_the_date(plan):
    mark("01-02", table="raw.orders", state="missing")
    mark("01-02", table="raw.orders_backup", state="unknown")

    assert "01-02" in dates(plan(**SALES))


def test_the_first_days_of_a_season_are_left_out(plan):
    found = plan(tables=["weekly.trend"], **WEEK)

    assert [date for _, date in found.left_out["bootstrap"]] == [day("01-01"), day("01-02"), day("01-03")]


def test_steps_and_reasons_together_are_every_date_of_every_table(plan):
    mark("01-02", state="complete")
    found = plan()

    assert len(found.steps) + sum(found.left_out_counts.values()) == 3 * (20 + 10)


# Reprocess ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reprocess", "steps"),
    [("missing", ["01-01"]), ("failed", ["01-01", "01-02"]), ("all", ["01-01", "01-02", "01-03"])],
)
def test_reprocess_decides_what_is_done_again(plan, reprocess, steps):
    mark("01-02", activity="failed")
    mark("01-03", state="complete")

    found = plan(tables=["daily.sales"], start=day("01-01"), end=day("01-03"), reprocess=reprocess)

    assert dates(found) == steps


def test_reprocess_all_leaves_out_accepted_gaps(plan):
    mark("01-02", state="accepted")

    assert "01-02" not in dates(plan(reprocess="all", **SALES))


def test_a_phase_and_a_table_mean_what_both_name(plan):
    found = plan(phases=["2", "3"], tables=["visits"], **WEEK)

    assert set(found.by_table) == {"daily.visits"}


# Order and amounts --------------------------------------------------------------------------------


def test_phases_then_tables_then_dates(plan):
    found = plan(start=day("01-04"), end=day("01-05"), through_gaps=True)

    assert [(step.table, f"{step.date:%d}") for step in found.steps] == [
        ("daily.sales", "04"),
        ("daily.sales", "05"),
        ("daily.visits", "04"),
        ("daily.visits", "05"),
        ("weekly.trend", "04"),
        ("weekly.trend", "05"),
    ]


def test_newest_first_turns_the_dates_around_not_the_tables(plan):
    found = plan(start=day("01-04"), end=day("01-05"), phases=["2"], order="newest")

    assert [(step.table, f"{step.date:%d}") for step in found.steps[:3]] == [
        ("daily.sales", "05"),
        ("daily.sales", "04"),
        ("daily.visits", "05"),
    ]


def test_only_the_dates_that_were_chosen(plan):
    assert dates(plan(tables=["daily.sales"], dates=[day("01-02"), day("03-04")])) == ["01-02", "03-04"]


def test_only_the_seasons_that_were_chosen(plan):
    assert {step.season for step in plan(seasons=["spring"]).steps} == {"spring"}


def test_single_partitions_can_be_chosen(plan, pipeline):
    wanted = [("daily.sales", day("01-02")), ("daily.visits", day("01-03")), ("gone.table", day("01-03"))]

    found = planning.plan(pipeline, selections.select_partitions(pipeline, wanted))

    assert [(step.table, step.date) for step in found.steps] == wanted[:2]


def test_the_first_calls_are_shown_as_they_will_be_made(plan, pipeline):
    call, *_ = launch_plan.shown_calls(plan(tables=["daily.sales"], **WEEK), pipeline)

    assert (call.table.name, call.calls) == ("daily.sales", 2)
    assert "--start 2024-01-01 --end 2024-01-04" in call.command


def test_no_call_spans_a_date_that_is_not_to_be_filled(plan, pipeline):
    mark("01-02", state="complete")

    call, *_ = launch_plan.shown_calls(plan(**SALES), pipeline)

    assert call.calls == 2
    assert "--start 2024-01-01 --end 2024-01-01" in call.command


def test_range_attempt_of_selected_dates_does_not_span_the_dates_between(plan, pipeline):
    chosen = plan(tables=["daily.sales"], dates=[day("01-01"), day("01-03")])

    assert chosen.calls(pipeline.table("daily.sales")) == [[day("01-01")], [day("01-03")]]


def test_a_call_of_a_list_may_take_dates_of_two_seasons_and_a_range_may_not(plan, pipeline):
    table = pipeline.table("daily.sales")
    chosen = plan(tables=["daily.sales"], dates=[day("01-20"), day("03-01")])

    assert chosen.calls(table) == [[day("01-20")], [day("03-01")]]
    assert table.job
    listing = table.model_copy(update={"job": table.job.model_copy(update={"dates": "list"})})
    assert chosen.calls(listing) == [[day("01-20"), day("03-01")]]


def test_a_plan_takes_seven_queries_however_many_dates_there_are(plan, django_assert_num_queries):
    with django_assert_num_queries(7):
        plan()


def test_a_plan_over_all_of_time_is_a_plan_of_the_seasons(plan):
    found = plan(
        tables=["daily.sales"], start=day("01-01").replace(year=1), end=day("01-01").replace(year=9999)
    )

    assert len(found.steps) == 29


# What is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        ({"phases": ["9"]}, 'There is no phase "9" in the pipeline file. Known: 1, 2, 3.'),
        ({"phases": ["1"]}, "Phase 1 · Raw has sources only; no job of this pipeline fills them."),
        ({"tables": ["raw.orders"]}, "raw.orders is a source; no job of this pipeline fills it."),
        ({"tables": ["no.table"]}, 'There is no table "no.table" in the pipeline file.'),
        ({"seasons": ["summer"]}, 'There is no season "summer" in the pipeline file. Known: winter, spring.'),
        (
            {"start": day("01-02"), "end": day("01-01")},
            "The end 2024-01-01 is before the start 2024-01-02; swap them.",
        ),
        (
            {"phases": ["3"], "tables": ["sales"]},
            "daily.sales is not in Phase 3; leave the phase or the table out.",
        ),
        (
            {"seasons": ["winter"], "start": day("02-01")},
            "The dates from 2024-02-01 on lie outside the season winter (2024-01-01 to 2024-01-20); choose",
        ),
        (
            {"seasons": ["winter", "spring"], "start": day("02-01"), "end": day("02-09")},
            "The dates 2024-02-01 to 2024-02-09 lie outside the seasons winter (2024-01-01 to",
        ),
        ({"start": day("06-01")}, "The dates from 2024-06-01 on lie outside the seasons winter"),
        ({"batch": 1001}, "1001 dates a call is not possible; give 1 to 1000."),
        ({"reprocess": "some"}, '"some" is not known; give missing, failed, all.'),
        ({"order": "random"}, '"random" is not known; give oldest, newest.'),
    ],
)
def test_invalid_selection_is_refused_with_the_reason(pipeline, wish, says):
    with pytest.raises(PlanRefused) as refusal:
        selections.select(pipeline, **wish)

    assert str(refusal.value).startswith(says)


def test_empty_plan_of_complete_dates_reports_all_complete(plan):
    Partition.objects.filter(table="daily.sales").update(state="complete")
    mark("01-02", state="accepted")

    found = plan(**SALES)

    assert found.is_complete_already
    assert found.why_nothing == "Nothing to do: all 5 are complete already (1 accepted besides)."


def test_empty_plan_with_unknown_dates_is_not_reported_as_complete(plan):
    Partition.objects.filter(table="daily.sales").update(state="complete")
    mark("01-02", state="unknown")

    found = plan(**SALES)

    assert not found.is_complete_already
    assert found.why_nothing == "Nothing to do: 5 complete, 1 unknown: scan the warehouse first."


def test_empty_plan_before_the_first_scan_reports_the_missing_scan(pipeline, db):
    found = planning.plan(pipeline, selections.select(pipeline, **SALES))

    assert not found.is_complete_already
    assert "The warehouse was not scanned yet" in found.why_nothing


def test_nothing_to_do_in_the_first_days_alone_is_not_complete(plan):
    found = plan(tables=["weekly.trend"], start=day("01-01"), end=day("01-02"))

    assert not found.is_complete_already
    assert found.why_nothing == "Nothing to do: all 2 are left out (bootstrap)."


def test_the_choices_are_kept_with_the_run(pipeline):
    chosen = selections.select(pipeline, phases=["2"], dates=[day("01-02")])

    assert chosen.as_json() == {
        "tables": ["daily.sales", "daily.visits"],
        "seasons": ["winter", "spring"],
        "start": "2024-01-01",
        "end": "2024-03-10",
        "dates": ["2024-01-02"],
    }
    assert chosen.reprocess == Run.Reprocess.FAILED


def test_empty_plan_with_removed_dates_is_not_reported_as_complete(pipeline, scan, ask):
    ask("INSERT INTO daily.sales SELECT day, i, '2024-02-01' FROM raw.days, range(8) t(i) WHERE open")
    scan()
    ask("UPDATE raw.days SET open = FALSE WHERE day = DATE '2024-01-05'")
    scan()

    found = planning.plan(pipeline, selections.select(pipeline, **SALES))

    assert found.left_out[reasons.LEFT_CALENDAR] == [("daily.sales", day("01-05"))]
    assert not found.is_complete_already
    assert found.why_nothing == "Nothing to do: 5 complete, 1 left the calendar, not confirmed."


def test_a_date_whose_leaving_was_confirmed_is_off_the_calendar(pipeline, scan, ask):
    scan()
    ask("UPDATE raw.days SET open = FALSE WHERE day = DATE '2024-01-05'")
    scan()
    removed_dates.confirm(by="olga", at=timezone.now(), seen=1)

    found = planning.plan(pipeline, selections.select(pipeline, **SALES))

    assert day("01-05") in [date for _, date in found.left_out[reasons.OFF_CALENDAR]]


@pytest.fixture
def compared(rewrite, ask, db) -> Pipeline:
    """Visits, which are only compared with sales, are all there; sales has nothing on the 5th."""
    rewrite("rows = { per_unit = [1, 3], like", "rows = { like")
    pipeline = definition.current()
    ask("INSERT INTO daily.visits SELECT day, i FROM raw.days, range(8) t(i) WHERE open")
    ask(
        "INSERT INTO daily.sales SELECT day, i, TIMESTAMP '2024-02-01' FROM raw.days, range(8) t(i) "
        "WHERE open AND day <> DATE '2024-01-05'"
    )
    full_scan.scan(pipeline, warehouses.open_warehouse(pipeline), Scan.objects.create())
    return pipeline


def test_a_date_that_is_compared_with_a_planned_one_is_planned_with_it(compared):
    found = planning.plan(compared, selections.select(compared, phases=["2"], **WEEK))

    assert [(step.table, step.date) for step in found.steps] == [
        ("daily.sales", day("01-05")),
        ("daily.visits", day("01-05")),
    ]


def test_date_compared_with_an_unplanned_gap_is_left_out_as_uncompared(compared):
    found = planning.plan(compared, selections.select(compared, tables=["daily.visits"], **WEEK))

    assert found.left_out[reasons.UNCOMPARED] == [("daily.visits", day("01-05"))]


def test_a_missing_date_that_nothing_but_a_gap_could_judge_is_left_out(compared, ask):
    ask("DELETE FROM daily.visits WHERE day IN (DATE '2024-01-04', DATE '2024-01-05')")
    full_scan.scan(compared, warehouses.open_warehouse(compared), Scan.objects.create())

    alone = planning.plan(compared, selections.select(compared, tables=["daily.visits"], **WEEK))
    both = planning.plan(compared, selections.select(compared, phases=["2"], **WEEK))

    assert [step.date for step in alone.steps] == [day("01-04")]
    assert alone.left_out[reasons.UNCOMPARED] == [("daily.visits", day("01-05"))]
    assert ("daily.visits", day("01-05")) in [(step.table, step.date) for step in both.steps]


def test_date_with_an_unreadable_comparison_is_left_out_as_unknown(compared, ask):
    ask("ALTER TABLE daily.sales RENAME COLUMN day TO date")
    full_scan.scan(compared, warehouses.open_warehouse(compared), Scan.objects.create())

    found = planning.plan(compared, selections.select(compared, tables=["daily.visits"], **WEEK))

    assert ("daily.visits", day("01-04")) in found.left_out[reasons.UNKNOWN]
    assert found.left_out.get(reasons.UNCOMPARED) in (None, [("daily.visits", day("01-05"))])


def test_a_date_never_read_is_unknown_beside_a_planned_comparison(compared):
    Partition.objects.of(["daily.visits"]).delete()

    found = planning.plan(compared, selections.select(compared, phases=["2"], **WEEK))

    assert [(step.table, step.date) for step in found.steps] == [("daily.sales", day("01-05"))]
    assert ("daily.visits", day("01-05")) in found.left_out[reasons.UNKNOWN]


def test_first_days_that_a_table_leaves_out_are_known_before_it_is_read(plan):
    Partition.objects.of(["weekly.trend"]).delete()

    found = plan(tables=["weekly.trend"], **WEEK)

    assert [date for _, date in found.left_out[reasons.BOOTSTRAP]] == [
        day("01-01"),
        day("01-02"),
        day("01-03"),
    ]
    assert len(found.left_out[reasons.UNKNOWN]) == 3


def test_a_date_whose_counts_were_forgotten_is_unknown_until_a_scan(compared):
    scanned = Partition.objects.of(["daily.visits"])
    scanned.update(state="unknown", **storing.NOTHING_FOUND)

    found = planning.plan(compared, selections.select(compared, phases=["2"], **WEEK))

    assert ("daily.visits", day("01-05")) in found.left_out[reasons.UNKNOWN]


def test_run_verifies_a_table_and_its_comparison_together(compared, drive):
    plan = planning.plan(compared, selections.select(compared, phases=["2"], **WEEK))

    run = drive(control.launch(plan, compared, by="olga", queued=False))

    assert run.message == "All 2 steps verified"
    assert not Partition.objects.filter(table="daily.visits").exclude(state="complete").exists()
