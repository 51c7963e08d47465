"""What would be skipped is said before a launch, by cause, and a run then skips exactly that."""

import datetime as dt
import json
import random
from collections.abc import Callable
from io import StringIO

import pytest
from django.core.management import call_command
from django.urls import reverse

from apps.coverage.models import Partition
from apps.pipeline import definition
from apps.runs import control
from apps.runs.engine import picking
from apps.runs.models import Run
from apps.runs.plans import planning, reasons, selections
from tests.conftest import Ask, day

TREND = {"tables": ["weekly.trend"], "start": day("01-04"), "end": day("01-20")}
SENTENCE = (
    "8 would be skipped, behind 3 dates: "
    "2024-01-06, 2024-01-12 of sales (missing); 2024-01-16 of visits (missing)"
)


@pytest.fixture
def holes(shop, ask: Ask) -> None:
    """Sales and visits of the winter are there, but sales of the 6th and 12th, and visits of the 16th."""
    ask(
        "INSERT INTO daily.sales SELECT day, i, TIMESTAMP '2024-02-01' FROM raw.days, range(8) t(i) "
        "WHERE open AND day NOT IN (DATE '2024-01-06', DATE '2024-01-12')"
    )
    ask(
        "INSERT INTO daily.visits SELECT day, i FROM raw.days, range(8) t(i) WHERE open AND day <> DATE '2024-01-16'"
    )


def test_a_plan_leaves_out_what_would_be_skipped_and_names_the_causes(holes, plan):
    found = plan(**TREND)

    # Trend reads sales of three days before: the 6th keeps 4 dates from starting (the 7th is closed), the 12th 4.
    assert found.left_out_counts == {reasons.BEHIND_GAPS: 8, reasons.OFF_CALENDAR: 1}
    assert found.blocked.sentence == SENTENCE
    assert [(cause.in_words, cause.steps) for cause in found.blocked.causes] == [
        ("2024-01-06, 2024-01-12 of sales (missing)", 7),
        ("2024-01-16 of visits (missing)", 1),
    ]


def test_gaps_that_the_plan_fills_itself_are_no_cause(holes, plan):
    found = plan(tables=["daily.sales", "daily.visits", "weekly.trend"], start=day("01-04"), end=day("01-20"))

    assert not found.blocked.steps
    assert reasons.BEHIND_GAPS not in found.left_out_counts


def test_gaps_of_an_unreadable_input_block_no_step(holes, plan, ask):
    plan(**TREND)
    ask("ALTER TABLE daily.sales RENAME COLUMN day TO date")

    found = plan(**TREND)

    assert not found.blocked.steps
    assert day("01-06") in [step.date for step in found.steps]


def test_form_command_and_json_report_the_same_blocked_steps(holes, plan, operating):
    plan(**TREND)
    asked = ["plan", "--table", "weekly.trend", "--start", "2024-01-04", "--end", "2024-01-20"]
    said, as_json = StringIO(), StringIO()

    call_command(*asked, stdout=said)
    call_command(*asked, "--json", stdout=as_json)
    page = operating.get(
        reverse("runs:plan"), {"table": "weekly.trend", "start": "2024-01-04", "end": "2024-01-20"}
    ).content.decode()

    assert SENTENCE in " ".join(said.getvalue().split())
    found = json.loads(as_json.getvalue())["behind_gaps"]
    assert (found["steps"], found["dates"]) == (8, 3)
    assert [(cause["table"], cause["steps"]) for cause in found["causes"]] == [
        ("daily.sales", 7),
        ("daily.visits", 1),
    ]
    assert "8 would be skipped, behind 3 dates" in page
    assert "they are left out" in page


def test_override_on_the_form_includes_blocked_steps(holes, plan, operating):
    plan(**TREND)
    asked = {"table": "weekly.trend", "start": "2024-01-04", "end": "2024-01-20"}

    page = operating.get(reverse("runs:plan"), asked | {"override": "a mean bears it"}).content.decode()

    assert "the override starts them all the same" in page
    assert reasons.BEHIND_GAPS not in page


def test_coverage_and_scan_commands_report_blocked_steps(holes, plan, capsys):
    plan(**TREND)
    asked = ["--table", "weekly.trend", "--start", "2024-01-04", "--end", "2024-01-20"]

    for command in ("coverage", "scan"):
        call_command(command, *asked)
        assert SENTENCE in " ".join(capsys.readouterr().out.split())
        call_command(command, *asked, "--json")
        assert json.loads(capsys.readouterr().out)["behind_gaps"]["steps"] == 8


@pytest.mark.parametrize(
    ("start", "end", "says"),
    [
        ("2024-01-04", "2024-01-20", "· 8 steps · 8 more would be skipped, behind 3 dates"),
        ("2024-01-08", "2024-01-08", "· 0 steps · 1 more would be skipped, behind 1 date"),
    ],
    ids=["some are left", "none is left"],
)
def test_plan_button_shows_the_number_of_blocked_steps(holes, plan, operating, start, end, says):
    plan(**TREND)

    said = operating.get("/runs/plan/steps/", {"table": "weekly.trend", "start": start, "end": end})

    assert " ".join(said.content.decode().split()) == says


def test_override_on_the_command_line_includes_blocked_steps(holes, plan, capsys):
    plan(**TREND)
    asked = ["--table", "weekly.trend", "--start", "2024-01-04", "--end", "2024-01-20"]

    call_command("plan", *asked, "--override", "a mean bears it")
    said = " ".join(capsys.readouterr().out.split())
    with pytest.raises(SystemExit, match="0"):
        call_command("backfill", *asked, "--override", "a mean bears it", "--yes")

    assert f"Without --override {SENTENCE}." in said
    assert reasons.BEHIND_GAPS not in said
    run = Run.objects.get()
    assert run.steps.count() == 16
    assert run.override_reason == "a mean bears it"


def test_empty_plan_names_the_gaps_that_block_all_its_steps(shop, plan):
    found = plan(tables=["weekly.trend"], start=day("01-04"), end=day("01-05"))

    assert found.why_nothing.startswith("Nothing to do: 2 would be skipped, behind 7 dates: ")


@pytest.fixture
def many_tables(shop, ask: Ask) -> None:
    """Five tables in a row and across, with lookbacks, a share, and a comparison."""
    ask("CREATE SCHEMA deep")
    for number in range(4):
        ask(f"CREATE TABLE deep.t{number} (day DATE)")
    path = shop.parent / "shop.toml"
    tables = "".join(
        f"""
[[table]]
name = "deep.t{number}"
phase = "3"
date_column = "day"
after = [{after}]
[table.job]
sql = "jobs/trend.sql"
"""
        for number, after in enumerate(
            [
                '{ table = "daily.sales", lookback = 2 }, "daily.visits"',
                '{ table = "daily.sales", lookback = 5, at_least = 0.7 }',
                '{ table = "deep.t0", lookback = 1 }, "deep.t1"',
                '{ table = "deep.t2", lookback = 4, at_least = 0.5 }, { table = "daily.visits", lookback = 1 }',
            ]
        )
    )
    head, need, tail = path.read_text().partition("[[need]]")
    path.write_text(head.replace('gate = "manual"', 'gate = "auto"') + tables + need + tail)
    definition.load.cache_clear()


def skipped_by_the_engine(pipeline, run: Run) -> set[tuple[str, dt.date]]:
    """Lets the engine pick until nothing is left; each call does what it should."""
    while (found := picking.pick(pipeline, run)) is not picking.NoWork.DONE:
        steps, status = (
            (found.reasons, "skipped") if isinstance(found, picking.Skip) else (found.steps, "succeeded")
        )
        for step in steps:
            run.steps.filter(pk=step.pk).update(status=status)
            if status == "succeeded":
                Partition.objects.filter(table=step.table, date=step.date).update(state="complete")
    return set(run.steps.filter(status="skipped").values_list("table", "date"))


@pytest.mark.parametrize("seed", range(12))
def test_a_run_skips_exactly_what_its_plan_foretells(many_tables, plan, pipeline, seed):
    chance = random.Random(seed)
    plan()
    for partition in Partition.objects.exclude(table__startswith="raw").exclude(state="not_expected"):
        partition.state = chance.choices(
            ["complete", "missing", "thin", "accepted", "stale"], [12, 2, 1, 1, 1]
        )[0]
        partition.save()
    tables = [table.name for table in pipeline.filled if chance.random() < 0.7] or ["deep.t3"]
    asked = {"tables": tables, "start": day("01-05"), "reprocess": chance.choice(Run.Reprocess.values)}
    found = planning.plan(pipeline, selections.select(pipeline, **asked, through_gaps=True))
    foretold = {(table, date) for table, dates in found.blocked.dates.items() for date in dates}
    if not found.steps:
        return
    left_out = planning.plan(pipeline, selections.select(pipeline, **asked)).left_out.get(
        reasons.BEHIND_GAPS, []
    )
    assert set(left_out) == foretold

    run = control.launch(found, pipeline, by="olga", queued=False)

    assert skipped_by_the_engine(pipeline, run) == foretold


def test_a_plan_takes_as_many_queries_however_much_is_blocked(
    holes, plan, pipeline, django_assert_num_queries: Callable
):
    plan(**TREND)

    with django_assert_num_queries(4):
        planning.plan(pipeline, selections.select(pipeline, **TREND))
