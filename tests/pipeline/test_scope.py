"""Names on a command line or in an address, put together: which tables and which days they leave."""

import pytest

from apps.pipeline.scope import DoesNotFit, scope
from tests.conftest import day


def tables(pipeline, **named) -> list[str]:
    return [table.short_name for table in scope(pipeline, **named).tables]


def test_nothing_named_means_everything(pipeline):
    found = scope(pipeline)

    assert found.tables == pipeline.tables
    assert (found.start, found.end) == (day("01-01"), day("03-10"))


def test_a_phase_means_all_of_its_tables(pipeline):
    assert tables(pipeline, phases=["2"]) == ["sales", "visits"]


def test_a_table_narrows_its_phase(pipeline):
    assert tables(pipeline, phases=["2", "3"], tables=["visits"]) == ["visits"]


def test_one_table_outside_of_the_phases_is_refused_even_beside_others(pipeline):
    with pytest.raises(DoesNotFit, match=r"weekly.trend is not in Phase 1 or Phase 2; leave"):
        scope(pipeline, phases=["1", "2"], tables=["sales", "trend"])


def test_two_seasons_leave_the_days_between_them_out(pipeline):
    found = scope(pipeline, seasons=["winter", "spring"], start=day("01-15"), end=day("03-02"))

    assert [f"{date:%m-%d}" for date in found.days[-3:]] == ["01-20", "03-01", "03-02"]


def test_swapped_dates_are_refused_as_a_mistake_in_the_dates(pipeline):
    with pytest.raises(DoesNotFit, match="swap them") as refusal:
        scope(pipeline, start=day("01-05"), end=day("01-01"))

    assert refusal.value.about == "dates"
