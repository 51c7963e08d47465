"""What a plan says of complete dates that read what it writes."""

import json

import pytest
from django.core.management import call_command

from apps.pipeline.definition import Pipeline
from apps.runs.dependencies import downstream
from apps.runs.models import Run
from apps.runs.plans.plan import Plan
from tests.conftest import Ask, day

REDO = {"tables": ["daily.sales"], "start": day("01-04"), "end": day("01-04"), "reprocess": Run.Reprocess.ALL}
SAYS = (
    "2 complete dates read what is written here and are left as they are: 2024-01-05 to 2024-01-06 of trend."
)


def readers_left(plan: Plan, pipeline: Pipeline) -> downstream.ReadersLeft:
    return downstream.readers_left(plan.partitions, plan.calendar, pipeline)


@pytest.fixture
def filled(inputs, ask: Ask) -> None:
    """Sales of the first six days, and the trend of the fifth and sixth."""
    ask("INSERT INTO weekly.trend SELECT day, 1 FROM raw.days WHERE day IN ('2024-01-05', '2024-01-06')")


def test_plan_lists_complete_downstream_dates_that_it_does_not_redo(filled, plan, pipeline):
    found = readers_left(plan(**REDO), pipeline)

    assert (found.number, found.sentence) == (2, SAYS)


def test_a_reader_that_the_plan_fills_after_its_input_is_not_left(filled, plan, pipeline):
    both = REDO | {"tables": ["daily.sales", "weekly.trend"], "end": day("01-05")}

    found = readers_left(plan(**both), pipeline)

    assert found.dates == {"weekly.trend": [day("01-06")]}


def test_a_date_whose_lookback_does_not_reach_what_is_written_is_not_meant(filled, plan, pipeline):
    found = readers_left(plan(**REDO | {"start": day("01-02"), "end": day("01-02")}), pipeline)

    assert found.dates == {"weekly.trend": [day("01-05")]}


def test_a_reader_without_its_rows_is_a_gap_and_not_meant(filled, plan, pipeline, ask):
    ask("DELETE FROM weekly.trend WHERE day = DATE '2024-01-05'")

    assert readers_left(plan(**REDO), pipeline).dates == {"weekly.trend": [day("01-06")]}


def test_plan_of_tables_without_downstream_takes_no_query(filled, plan, pipeline, django_assert_num_queries):
    found = plan(tables=["weekly.trend"], start=day("01-05"), end=day("01-06"), reprocess=Run.Reprocess.ALL)

    with django_assert_num_queries(0):
        assert not readers_left(found, pipeline)


def test_command_json_and_page_list_the_same_downstream_dates(filled, plan, capsys, operating):
    plan(**REDO)  # from a fresh scan
    asked = ["--table", "daily.sales", "--start", "2024-01-04", "--end", "2024-01-04", "--reprocess", "all"]

    call_command("plan", *asked)
    assert SAYS in " ".join(capsys.readouterr().out.split())
    call_command("plan", *asked, "--json")
    assert json.loads(capsys.readouterr().out)["readers_left"] == {
        "weekly.trend": ["2024-01-05", "2024-01-06"]
    }
    chosen = {"table": "daily.sales", "start": "2024-01-04", "end": "2024-01-04", "reprocess": "all"}
    page = operating.get("/runs/plan/", chosen).content.decode()
    assert "2 complete dates read what is written here" in page
