"""Which dates are the best for a first test, and by which numbers."""

import datetime as dt

import pytest

from apps.coverage.models import CalendarDate, Partition
from apps.coverage.sources import windows
from apps.coverage.sources.windows import NoSuchWindow
from tests.conftest import day


def best(pipeline, *, days: int = 5, **kwargs) -> list[windows.Window]:
    return windows.best(windows.facts_of(pipeline, **kwargs), days=days)


def starts(found: list[windows.Window]) -> list[dt.date]:
    return [window.start for window in found]


def test_of_equal_windows_the_latest_is_the_best(pipeline, first_scan):
    assert starts(best(pipeline)) == [day("03-06"), day("01-16"), day("01-11")]


def test_a_window_with_an_open_failure_is_left_out(pipeline, first_scan):
    march = Partition.objects.filter(table="daily.sales", date=day("03-07"))
    march.update(activity="failed", run_id=1)

    assert all(day("03-07") not in window.dates for window in best(pipeline))
    march.update(activity="")
    assert starts(best(pipeline))[0] == day("03-06")


def test_a_window_in_which_a_table_lost_rows_is_left_out(pipeline, first_scan):
    Partition.objects.filter(table="daily.sales", date=day("03-07")).update(complete_rows=8)

    assert all(day("03-07") not in window.dates for window in best(pipeline))


def test_a_window_in_which_all_is_complete_is_left_out(pipeline, first_scan):
    Partition.objects.filter(date__gte=day("03-01")).exclude(table__startswith="raw.").update(
        state="complete"
    )

    assert starts(best(pipeline)) == [day("01-16"), day("01-11"), day("01-05")]


def test_the_best_ones_have_no_date_in_common(pipeline, first_scan):
    dates = [date for window in best(pipeline) for date in window.dates]

    assert len(dates) == len(set(dates)) == 15


def test_a_window_never_reaches_over_two_seasons(pipeline, first_scan):
    assert all(
        window.season.name in ("winter", "spring") and window.end in window.season
        for window in windows.every(windows.facts_of(pipeline), days=10)
    )


def test_windows_rank_by_their_least_served_need_first(scan, lose_everywhere, pipeline):
    lose_everywhere("03-08", "01-18")
    scan()

    first, *_ = best(pipeline)

    assert (first.start, first.is_complete) == (day("01-13"), True)


def test_windows_with_equally_served_needs_rank_by_fewer_excluded_dates(pipeline, first_scan):
    Partition.objects.filter(table="daily.sales", date__in=[day("03-07"), day("01-17")]).update(
        state="accepted"
    )

    first, *_ = best(pipeline)

    assert (first.start, first.excluded) == (day("01-12"), 0)


def test_bootstrap_dates_are_left_out(pipeline, first_scan):
    opening = windows.starting(windows.facts_of(pipeline), day("01-01"), days=5)

    assert opening.excluded == 3


def test_dates_that_look_back_to_before_the_season_are_left_out(scan, pipeline):
    """A table that reads 6 days back has no usual past on a season's first 6 days."""
    scan()
    changed = [
        table.model_copy(
            update={
                "skip_first_days": 0,
                "after": tuple(each.model_copy(update={"lookback": 6}) for each in table.after),
            }
        )
        for table in pipeline.tables
    ]

    facts = windows.facts_of(pipeline, tables=[table for table in changed if table.job])

    assert windows.starting(facts, day("01-01"), days=8).excluded == 6
    assert windows.starting(facts, day("01-08"), days=5).excluded == 0


def test_the_best_windows_have_no_excluded_dates(pipeline, first_scan):
    assert all(window.excluded == 0 for window in best(pipeline))


def test_windows_with_equal_exclusions_rank_by_closeness_to_the_usual_volume(pipeline, first_scan):
    CalendarDate.objects.filter(date__gte=day("01-14")).update(units=8)
    CalendarDate.objects.filter(date__gte=day("03-06")).update(units=1)

    first, *_ = best(pipeline, seasons=[pipeline.season("winter")])

    assert (first.start, first.units, first.off_usual) == (day("01-09"), 20, 0)


def test_a_window_reports_its_deviation_from_the_usual_volume(pipeline, first_scan):
    CalendarDate.objects.filter(date__gte=day("01-16"), date__lte=day("01-20")).update(units=5)

    named = windows.starting(windows.facts_of(pipeline), day("01-16"), days=5)

    assert (named.units, named.usual_units, named.off_usual) == (25, 4, 25)


def test_an_unknown_date_is_not_served_and_is_counted_apart(pipeline, first_scan):
    for table in ("raw.orders", "raw.orders_backup"):
        Partition.objects.filter(table=table, date=day("03-08")).update(state="unknown")

    named = windows.starting(windows.facts_of(pipeline), day("03-06"), days=5)

    assert named.worst.in_words == "4 of 5 (80 %), 1 unknown"


def test_there_is_no_best_window_if_the_warehouse_is_unreachable(outage, pipeline):
    assert best(pipeline) == []


def test_a_named_window_begins_at_the_next_expected_date(pipeline, first_scan):
    named = windows.starting(windows.facts_of(pipeline), day("01-07"), days=3)

    assert (named.start, named.end) == (day("01-08"), day("01-10"))


@pytest.mark.parametrize(
    ("start", "says"),
    [("01-18", "Only 3 expected dates of winter are left"), ("02-10", "is in no chosen season")],
)
def test_an_impossible_window_is_refused_with_the_reason(pipeline, start, says, first_scan):
    with pytest.raises(NoSuchWindow, match=says):
        windows.starting(windows.facts_of(pipeline), day(start), days=14)


def test_windows_take_seven_queries(pipeline, django_assert_num_queries, first_scan):
    with django_assert_num_queries(7):
        best(pipeline)
