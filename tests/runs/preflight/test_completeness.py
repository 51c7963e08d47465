"""What pre-flight says of coverage, of the calendar and of what is read from before the range."""

from apps.coverage.accepted import accepting
from apps.coverage.accepted.accepting import Acceptance
from apps.runs.preflight.finding import Level
from tests.conftest import day
from tests.runs.preflight.conftest import finding, result

STATE = '[[check]]\nname = "State"\nkind = "coverage"\n'


def test_a_table_above_its_threshold_passes(checked, configure, ask):
    configure(STATE + 'tables = ["raw.orders"]\nat_least = 0.9')
    ask("DELETE FROM raw.orders WHERE day = ?", day("01-05"))

    assert finding(checked(), "coverage").level == Level.PASS


def test_missing_dates_are_named(checked, configure, ask):
    configure(STATE + 'tables = ["raw.orders"]')
    ask("DELETE FROM raw.orders WHERE day IN (?, ?)", day("01-05"), day("01-06"))

    found = finding(checked(), "coverage")

    assert found.text == "raw.orders is not complete: 2024-01-05 to 2024-01-06."
    assert (found.value, found.threshold) == ("27 of 29 (93.1 %)", "at least 100 %")


def test_a_phase_is_all_of_its_tables(checked, configure, launch, drive):
    configure(STATE + 'phases = ["2"]')
    drive(launch(tables=["daily.sales"]))

    found = finding(checked(), "coverage")

    assert found.level == Level.FAILURE
    assert found.value == "0 of 29 (0 %)" and "sales 29 of 29 complete" in found.detail


def test_a_need_is_served_by_the_union_of_its_sources(checked, ask):
    ask("DELETE FROM raw.orders WHERE day <= ?", day("01-10"))
    ask("DELETE FROM raw.orders_backup WHERE day > ?", day("01-10"))

    found = finding(checked(), "coverage")

    assert found.level == Level.PASS
    assert found.detail == "Served by orders 20, orders_backup 9"


def test_an_empty_range_is_no_pass(checked, configure):
    configure(STATE + 'tables = ["raw.orders"]')

    told = checked(start=day("01-07"), end=day("01-07"))

    assert finding(told, "coverage").level == Level.SKIPPED
    assert finding(told, "coverage").text == "raw.orders: no date of 2024-01-07 to 2024-01-07 is expected."


def test_inputs_before_the_range_are_looked_at(checked, launch, drive):
    drive(launch(phases=["2"], start=day("01-05"), end=day("01-06")))

    found = finding(checked(tables=["weekly.trend"], start=day("01-06"), end=day("01-06")), "lookback")

    assert found.level == Level.FAILURE
    assert found.text == "trend reads sales, not complete on 2024-01-03 to 2024-01-04."
    assert (found.deed, found.link) == (
        "Plan these gaps",
        "/runs/new/?table=daily.sales&start=2024-01-03&end=2024-01-04",
    )


def test_inputs_that_the_launch_fills_itself_are_not_demanded(checked, launch, drive):
    drive(launch(phases=["2"], start=day("01-08"), end=day("01-10")))

    told = checked(phases=["2", "3"], start=day("01-11"), end=day("01-12"))

    assert finding(told, "lookback").level == Level.PASS


def test_a_season_without_dates_fails(checked, ask):
    ask("DELETE FROM raw.days WHERE day >= ?", day("03-01"))

    assert finding(checked(), "calendar").text.startswith("Season spring has no expected date in ")


def test_past_dates_that_are_not_final_give_a_warning(checked, rewrite, workers):
    query = "SELECT day AS date, orders AS units FROM raw.days WHERE NOT open"
    rewrite('unit = "order"', f'unit = "order"\nnot_final = "{query}"')

    found = finding(checked(), "calendar")

    assert found.level == Level.WARNING
    assert found.text == "Past dates that are not final, and so not expected: 2024-01-07."


def test_calendar_is_unknown_if_the_not_final_query_fails(checked, shop, workers):
    path = shop.parent / "shop.toml"
    path.write_text(
        path.read_text().replace('unit = "order"', 'unit = "order"\nnot_final = "SELECT 1 FROM nowhere"')
    )

    found = finding(checked(), "calendar")

    assert found.level == Level.UNKNOWN
    assert found.text.startswith("Nobody could say which past dates are not final: ")


def test_a_check_about_other_tables_is_left_out_by_name(checked, configure):
    configure('[[check]]\nname = "Weekly scripts"\nkind = "file"\nphases = ["3"]')

    told = checked(tables=["daily.sales"])

    assert told.report.elsewhere == ["Weekly scripts"]
    assert not [each for each in told.results if each.name == "Weekly scripts"]


def test_a_check_of_the_file_takes_the_place_of_the_consoles_own(checked, configure):
    configure(STATE + 'tables = ["raw.orders"]')

    assert [each.name for each in checked().results if each.kind == "coverage"] == ["State"]
    assert not result(checked(), "coverage").is_built_in


def test_coverage_is_unknown_if_a_table_is_unreadable_even_with_threshold_zero(checked, configure, ask):
    configure(STATE + 'phases = ["2"]\nat_least = 0.0')
    ask("ALTER TABLE daily.sales RENAME COLUMN day TO date")

    assert finding(checked(), "coverage").level == Level.UNKNOWN


def test_accepted_gaps_are_shown_beside_the_coverage(checked, configure, ask, scan, pipeline):
    configure(STATE + 'tables = ["raw.orders"]')
    ask("DELETE FROM raw.orders WHERE day IN (?, ?)", day("01-05"), day("01-06"))
    scan()
    wish = Acceptance((pipeline.table("raw.orders"),), day("01-05"), day("01-06"))
    accepting.accept(wish, reason="the source lost them", by="olga")

    found = finding(checked(), "coverage")

    assert (found.level, found.value) == (Level.PASS, "27 of 27 (100 %); 2 accepted gaps")
