"""All partitions as letters, a letter a date."""

import pytest

from apps.coverage.counts import grid
from apps.coverage.models import CalendarDate, Partition, shown
from tests.conftest import day

WEEK = {"start": day("01-01"), "end": day("01-08")}


@pytest.fixture
def load(pipeline, scan):
    scan()

    def read(**kwargs) -> grid.Grid:
        return grid.load(pipeline, **(kwargs or WEEK))

    return read


def mark(date: str, **changes) -> None:
    Partition.objects.filter(table="daily.sales", date=day(date)).update(**changes)


def test_the_grid_contains_only_expected_dates(load):
    assert [f"{date:%d}" for date in load().dates] == ["01", "02", "03", "04", "05", "06", "08"]


def test_every_state_has_its_letter(load):
    for number, state in enumerate(("complete", "thin", "excess", "unknown", "accepted"), 1):
        mark(f"01-0{number}", state=state)

    assert load().states["daily.sales"] == "cteuamm"


def test_every_state_and_activity_has_a_letter_of_its_own():
    names = {*Partition.State.values, *Partition.Activity.values}

    assert set(grid.LETTER) == names
    assert len(set(grid.LETTER.values())) == len(names)


def test_the_grid_and_a_single_partition_show_the_same_state(load):
    letters = []
    for state in Partition.State.values:
        for activity in Partition.Activity.values:
            mark("01-01", state=state, activity=activity)
            letters.append(load().shown("daily.sales")[0] == grid.LETTER[shown(state, activity)])

    assert all(letters) and len(letters) == len(Partition.State) * len(Partition.Activity)


def test_a_partition_of_which_nothing_is_stored_is_unknown(load):
    Partition.objects.filter(table="daily.sales", date=day("01-02")).delete()

    assert load().states["daily.sales"][1] == "u"


def test_before_the_first_scan_only_the_bootstrap_is_known(pipeline, db):
    CalendarDate.objects.create(date=day("01-03"), season="winter", units=4)
    CalendarDate.objects.create(date=day("01-04"), season="winter", units=4)

    assert grid.load(pipeline, **WEEK).states["weekly.trend"] == "nu"


def test_rows_on_a_closed_day_are_strays(load, ask, scan):
    ask("INSERT INTO daily.sales VALUES (?, 1, NULL)", day("01-07"))
    scan()

    assert load().strays["daily.sales"] == (day("01-07"),)


def test_each_season_has_its_own_slice_of_the_dates(load, pipeline):
    found = load(start=None, end=None)

    assert [(season.name, len(found.dates[part])) for season, part in found.seasons] == [
        ("winter", 19),
        ("spring", 10),
    ]


def test_the_grid_takes_two_queries(load, django_assert_num_queries):
    with django_assert_num_queries(2):
        load(start=None, end=None)
