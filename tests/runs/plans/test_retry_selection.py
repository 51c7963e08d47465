"""A selection of single partitions, and what tells two plans apart."""

import pytest

from apps.runs.plans import planning, selections
from apps.runs.plans.selections import PlanRefused
from tests.conftest import day


def planned(pipeline, partitions):
    return planning.plan(pipeline, selections.select_partitions(pipeline, partitions))


def test_only_selected_partitions_are_planned(pipeline, first_scan):
    wanted = {("daily.sales", day("01-02")), ("daily.visits", day("01-05"))}

    assert {(step.table, step.date) for step in planned(pipeline, wanted).steps} == wanted


def test_partitions_not_selected_are_not_listed_as_left_out(pipeline, first_scan):
    assert planned(pipeline, {("daily.sales", day("01-02")), ("daily.visits", day("01-05"))}).left_out == {}


def test_partitions_of_a_removed_table_are_refused(pipeline, db):
    with pytest.raises(PlanRefused, match="nothing to retry"):
        selections.select_partitions(pipeline, {("daily.gone", day("01-02"))})


def test_plans_with_the_same_steps_have_the_same_digest(pipeline, first_scan):
    one, same, other = (
        planned(pipeline, {("daily.sales", day(date))}).digest for date in ("01-02", "01-02", "01-03")
    )

    assert one == same != other
