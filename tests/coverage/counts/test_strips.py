"""Rows of dates as paths: what an operator sees of a season at a glance."""

import datetime as dt
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.coverage.counts import grid, rollup, strips
from apps.coverage.counts.strips import strip
from tests.conftest import day

pytestmark = pytest.mark.postgresql


def paths(letters: str) -> dict[str, str]:
    return {path.state: path.d for path in strip(letters).paths}


def test_equal_neighbours_are_one_rectangle():
    assert paths("mcccm") == {"complete": "M1 0h3v16h-3z"}


def test_missing_cells_are_left_to_the_background():
    assert paths("mmm") == {}


def test_each_state_has_one_path():
    assert paths("ctct") == {"complete": "M0 0h1v16h-1zM2 0h1v16h-1z", "thin": "M1 0h1v16h-1zM3 0h1v16h-1z"}


def test_states_are_drawn_in_order_of_severity_with_failed_on_top():
    assert [path.state for path in strip("fct").paths] == ["complete", "thin", "failed"]


def test_one_bad_date_of_a_thousand_keeps_a_pixel():
    drawn = paths("c" * 500 + "u" + "c" * 499)

    assert drawn["unknown"] == "M498.4 0h4.167v16h-4.167z"


def test_a_bad_date_at_the_edge_stays_inside():
    assert paths("u" + "c" * 999)["unknown"] == "M0 0h4.167v16h-4.167z"


def test_separators_between_cells_are_drawn_only_in_short_strips():
    assert strip("ccc").gaps == "M1 0v16M2 0v16"
    assert strip("c" * 700).gaps == ""


def test_a_month_is_named_where_it_begins():
    dates = [dt.date(2024, 1, 1) + dt.timedelta(days) for days in range(60)]

    assert [(tick.x, tick.label) for tick in strips.month_ticks(dates)] == [
        ("0.00%", "Jan"),
        ("51.67%", "Feb"),
    ]


def test_a_month_too_short_for_its_label_is_not_labelled():
    dates = [dt.date(2024, 1, 30) + dt.timedelta(days) for days in range(60)]

    assert [tick.label for tick in strips.month_ticks(dates)] == ["Feb", "Mar"]


def test_a_label_that_would_not_fit_ends_at_the_edge():
    assert strips.ticks(["a"] * 97 + ["a long name"] * 3)[-1] == strips.Tick("100%", "a long name", "end")


@given(st.lists(st.integers(1, 40), min_size=1, max_size=24), st.integers(1, 12))
def test_labels_never_overlap_on_a_phone(lengths, letters):
    labels = [f"{month:x}" * letters for month, length in enumerate(lengths) for _ in range(length)]

    ends = [extent(tick) for tick in strips.ticks(labels)]

    assert all(right < left for (_, right), (left, _) in pairwise(ends))


def extent(tick: strips.Tick) -> tuple[float, float]:
    """Where a label begins and ends, in percent of a strip of 300 pixels, with 6 pixels a letter."""
    at, width = float(tick.x.rstrip("%")), 100 * 6 * len(tick.label) / 300
    return (at, at + width) if tick.anchor == "start" else (at - width, at)


def test_no_dates_have_no_ticks():
    assert strips.ticks([]) == ()


def test_the_legend_counts_what_cells_show_and_rows_off_the_calendar(scan, pipeline, ask):
    for date in ("01-05", "01-07"):
        ask("INSERT INTO daily.sales SELECT ?, i, NULL FROM range(8) rows(i)", day(date))
    scan()

    counts = strips.shown_counts(grid.load(pipeline), [pipeline.table("daily.sales")])

    assert [(item.label, item.count) for item in strips.legend(counts)] == [
        ("complete", 1),
        ("missing", 28),
        ("unexpected", 1),
    ]


def test_a_season_map_has_its_dates_and_keeps_sources_apart(scan, pipeline):
    scan()

    spring, winter = strips.season_maps(rollup.coverage(pipeline))

    assert (spring.season.name, spring.dates, winter.dates) == ("spring", 10, 19)
    assert [group.label for group in winter.filled] == ["Phase 2 · Daily", "Phase 3 · Weekly"]
    assert [row.table.short_name for row in winter.sources[0].rows] == ["orders", "orders_backup"]
