"""A run's charts."""

import datetime as dt

from apps.runs.pages import charts

START = dt.datetime(2024, 1, 1, 12, tzinfo=dt.UTC)


def after(seconds: float) -> dt.datetime:
    return START + dt.timedelta(seconds=seconds)


def test_a_step_has_a_bar_as_high_as_it_took():
    chart = charts.seconds_chart([1.0, 2.0, 4.0])

    assert [float(bar.height) for bar in chart.bars] == [29.9, 59.8, 119.6]
    assert chart.median == 2.0


def test_many_steps_share_bars():
    chart = charts.seconds_chart([1.0] * 10_000)

    assert len(chart.bars) <= charts.MOST_BARS
    assert chart.steps_a_bar == 84


def test_steps_that_took_no_time_at_all_can_be_drawn():
    assert charts.seconds_chart([0.0, 0.0]).highest == 1.0


def test_no_chart_for_a_single_step():
    assert charts.seconds_chart([1.0]) is None


def test_a_working_run_has_a_cone_to_its_likely_end():
    chart = charts.finished_chart(
        [(after(10), 1), (after(20), 2)], start=START, now=after(20), total=4, finish=(after(30), after(40))
    )

    assert chart.line.startswith("M0.0 130.0 L150.0")
    assert chart.cone == "M300.0 70.2 L450.0 10.4 L600.0 10.4z"


def test_paused_run_has_no_cone():
    chart = charts.finished_chart(
        [(after(10), 1), (after(20), 2)], start=START, now=after(99), total=4, finish=None
    )

    assert chart.cone == ""
    assert chart.end == after(20)


def test_steps_of_one_call_end_on_one_pixel():
    together = [(after(10 + number / 1000), number) for number in range(1, 8)]

    chart = charts.finished_chart(
        [*together, (after(20), 8)], start=START, now=after(20), total=8, finish=None
    )

    assert chart.line.count("L") == 3
