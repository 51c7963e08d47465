"""A changed pipeline file: verdicts follow from what was counted, as soon as anything starts with the new file."""

import json
from collections.abc import Callable

import pytest
from django.core.management import call_command

from apps.coverage.accepted import accepting
from apps.coverage.accepted.accepting import Acceptance
from apps.coverage.calendar import removed_dates
from apps.coverage.models import CalendarDate, Partition, Scan, TableReading
from apps.coverage.scanning import changed_rules, full_scan, partial_scan, warehouses
from apps.pipeline import definition
from apps.pipeline.definition import Pipeline
from apps.pipeline.scope import scope
from apps.workers.models import Worker
from apps.workers.signals import tick, worker_started
from tests.conftest import day

TWO, THREE = "rows = { per_unit = [2, 2] }", "rows = { per_unit = [3, 3] }"


def state(table: str = "daily.sales", date: str = "01-05") -> tuple[str, str]:
    found = Partition.objects.get(table=table, date=day(date))
    return found.state, found.reason


@pytest.fixture
def restart(rewrite) -> Callable[[str, str], Pipeline]:
    """The pipeline file says something else now, and whatever starts reads it anew."""

    def change(old: str, new: str) -> Pipeline:
        rewrite(old, new)
        return definition.current()

    return change


@pytest.fixture
def change(restart, shop) -> Callable[[str, str], None]:
    """Such a change, and a start, while the warehouse is away: nobody can ask it."""

    def follow(old: str, new: str) -> None:
        shop.rename(shop.with_suffix(".gone"))
        changed_rules.apply_rule_changes(restart(old, new))
        shop.with_suffix(".gone").rename(shop)

    return follow


@pytest.fixture
def complete(filled, ask, scan) -> None:
    skipped = "day BETWEEN '2024-01-01' AND '2024-01-03'"
    ask(f"INSERT INTO weekly.trend SELECT day, 80 FROM raw.days WHERE open AND NOT {skipped}")
    scan()
    assert state() == state("weekly.trend") == ("complete", "")


def test_a_higher_expected_number_of_rows_makes_dates_thin_at_once(complete, change):
    change(TWO, THREE)

    assert state() == ("thin", "8 rows, expected 12")


def test_restoring_the_expected_number_of_rows_makes_dates_complete_again(complete, change):
    change(TWO, THREE)
    change(THREE, TWO)

    assert state() == ("complete", "")


@pytest.mark.parametrize(
    "start",
    [
        lambda: worker_started.send(sender=Worker, cluster="main"),
        lambda: tick.send(sender=Worker),
        lambda: call_command("coverage", "--json"),
    ],
    ids=["a worker", "serve", "a command"],
)
def test_any_process_that_starts_with_a_changed_file_reevaluates_partitions(complete, restart, start):
    restart(TWO, THREE)
    start()

    assert state() == ("thin", "8 rows, expected 12")


def test_the_coverage_command_applies_a_changed_file_at_once(complete, restart, capsys):
    restart(TWO, THREE)
    call_command("coverage", "--json", "--table=daily.sales")

    table = json.loads(capsys.readouterr().out)["tables"][0]
    assert (table["complete"], table["thin"]) == (0, 29)


def test_a_table_read_only_by_a_partial_scan_is_reevaluated_too(filled, pipeline, warehouse, db, change):
    partial_scan.scan(pipeline, warehouse, scope(pipeline, tables=["daily.sales"]))
    assert state() == ("complete", "")

    change(TWO, THREE)

    assert state() == ("thin", "8 rows, expected 12")


def test_rows_on_newly_skipped_first_days_become_unexpected(complete, change):
    change("skip_first_days = 3", "skip_first_days = 5")

    assert state("weekly.trend")[0] == "unexpected"
    assert state("weekly.trend", "01-06")[0] == "complete"


def test_a_season_with_another_name_has_its_dates(complete, change):
    change('name = "winter"', 'name = "frost"')

    assert Partition.objects.get(table="daily.sales", date=day("01-05")).season == "frost"
    assert set(CalendarDate.objects.values_list("season", flat=True)) == {"frost", "spring"}


def test_a_shortened_season_that_is_restored_keeps_the_state_of_its_partitions(complete, change):
    change("end = 2024-03-10", "end = 2024-03-05")
    assert state(date="03-08")[0] == "not_expected"

    change("end = 2024-03-05", "end = 2024-03-10")
    assert state(date="03-08") == ("complete", "")


def test_the_dates_of_a_season_that_was_shortened_left_the_calendar_at_once(complete, change):
    before = CalendarDate.objects.count()

    change("end = 2024-03-10", "end = 2024-03-05")

    found = removed_dates.open_now()
    assert (found.count, found.left) == (5, before - 5)
    assert CalendarDate.objects.count() == before - 5

    change("end = 2024-03-05", "end = 2024-03-10")
    assert removed_dates.open_now() is None
    assert CalendarDate.objects.count() == before


@pytest.fixture
def undone(ask, scan, rewrite, db) -> Pipeline:
    """Visits lacks four days of January; a slip of the file gave it another name and shortened the winter, and was
    undone after a verification had found these days off the calendar."""
    ask(
        "INSERT INTO daily.visits SELECT day, i FROM raw.days, range(8) r(i) WHERE open AND day < '2024-01-16'"
    )
    scan()
    slips = {"daily.visits": "daily.views", "end = 2024-01-20": "end = 2024-01-15"}
    for was, slip in slips.items():
        rewrite(was, slip, times=-1)
    with pytest.raises(SystemExit):
        call_command("verify", "2024-01-01", "2024-01-20", "--table=daily.sales")
    for was, slip in slips.items():
        rewrite(slip, was, times=-1)
    return definition.current()


def test_a_table_restored_to_the_file_is_evaluated_by_the_current_calendar(undone):
    assert state("daily.visits", "01-18")[0] == "missing"

    changed_rules.apply_rule_changes(undone)

    assert state("daily.visits", "01-18")[0] == "not_expected"


def test_commands_pages_and_downloads_agree_on_a_table_restored_to_the_file(undone, agree):
    agree()


def test_a_scan_keeps_the_dates_of_a_shortened_season_removed(complete, change):
    change("end = 2024-03-10", "end = 2024-03-05")

    other = definition.current()
    full_scan.scan(other, warehouses.open_warehouse(other), Scan.objects.create())

    assert removed_dates.open_now().count == 5
    assert CalendarDate.read.filter(date__gt=day("03-05")).count() == 0


def test_dates_are_unknown_until_a_new_key_is_counted(complete, change):
    change('key = ["item"]', 'key = ["item", "day"]')
    assert state() == ("unknown", "its different keys (item, day) are not counted yet")

    other = definition.current()
    full_scan.scan(other, warehouses.open_warehouse(other), Scan.objects.create())
    assert state() == ("complete", "")


def test_a_comparison_with_a_table_that_was_read_follows_at_once(complete, change):
    change('like = "daily.sales", at_least = 0.5', 'like = "raw.orders", at_least = 3')

    assert state("daily.visits") == ("thin", "8 rows, expected 12")


def test_a_new_comparison_with_a_table_that_was_not_read_makes_dates_unknown(complete, change):
    Partition.objects.filter(table="raw.orders").delete()
    change('like = "daily.sales"', 'like = "raw.orders"')

    assert state("daily.visits") == ("unknown", "raw.orders could not be read to compare with")


def test_a_changed_time_zone_makes_dates_unknown(complete, change):
    change('name = "Shop"', 'name = "Shop"\ntimezone = "America/New_York"')

    assert state()[0] == "unknown"
    assert not Partition.objects.regressions().exists()


def test_an_accepted_gap_stays_accepted(complete, change, pipeline):
    change(TWO, THREE)
    accepting.accept(
        Acceptance((pipeline.table("daily.sales"),), day("01-05"), day("01-05")), reason="so it is", by="olga"
    )
    change(THREE, "rows = { per_unit = [4, 4] }")

    assert state() == ("accepted", "8 rows, expected 16")


def test_tables_whose_rules_are_the_same_are_left_alone(complete, change):
    before = TableReading.objects.get(table="weekly.trend").rules
    Partition.objects.filter(table="weekly.trend").update(reason="as it was")
    change(TWO, THREE)

    assert TableReading.objects.get(table="weekly.trend").rules == before
    assert state("weekly.trend") == ("complete", "as it was")


def test_the_same_file_takes_one_query(complete, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert changed_rules.apply_rule_changes(definition.current()) == 0


def test_reevaluating_all_dates_takes_a_limited_number_of_queries(
    complete, restart, django_assert_max_num_queries
):
    other = restart(TWO, THREE)
    with django_assert_max_num_queries(22):
        assert changed_rules.apply_rule_changes(other) == 29
