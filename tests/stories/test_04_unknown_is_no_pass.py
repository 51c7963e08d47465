"""4. Pre-flight passed with no connection; verification could not fail for months; an empty range passed. Not answered
is unknown, never a pass."""

import pytest

from apps.coverage.models import Verification
from apps.runs.models import Preflight

ASKS_THE_WAREHOUSE = {"credentials", "table", "coverage", "calendar", "lookback"}

pytestmark = pytest.mark.usefixtures("workers")


@pytest.fixture
def without_connection(console, scan, shop) -> None:
    """Everything was fine once; then the warehouse went away."""
    scan()
    shop.rename(shop.with_suffix(".away"))


def test_warehouse_checks_are_unknown_if_the_warehouse_is_unreachable(console, without_connection):
    code, printed = console.shell("preflight")
    report = Preflight.objects.get()
    told = console.fetch(f"/preflight/{report.pk}.json")
    page = console.page(report.get_absolute_url())

    asked = [check for check in told["checks"] if check["kind"] in ASKS_THE_WAREHOUSE]
    assert (code, {check["level"] for check in asked}) == (1, {"unknown"})
    assert printed.count("UNKNOWN") >= len(asked) == 5
    assert told["counts"] in page and told["counts"] in printed and "could not be asked" in told["counts"]


def test_preflight_shows_no_percentage_if_the_warehouse_is_unreachable(console, without_connection):
    code, printed = console.shell("preflight", "--json")

    assert code == 1
    assert "%" not in printed.replace("at least 100 %", "")
    assert "%" not in console.page(Preflight.objects.get().get_absolute_url()).replace("at least 100 %", "")


def test_verification_could_not_run_if_a_column_is_missing(console, ask):
    says = "table daily.sales has no column item"
    ask("ALTER TABLE daily.sales DROP COLUMN item")

    code, printed = console.shell("verify", "2024-01-01", "2024-01-06", "--table", "sales")
    report = Verification.objects.get().get_absolute_url()
    told = console.fetch(f"{report}verification.json")

    assert (code, told["verdict"]) == (1, "could not run")
    assert "COULD NOT RUN" in printed and "could not run" in console.page(report)
    assert says in printed and says in console.page(report) and says in told["reasons"][0]["text"]


def test_a_verification_of_a_table_that_does_not_exist_did_not_pass(console, ask):
    ask("DROP TABLE daily.sales")

    code, printed = console.shell("verify", "2024-01-01", "2024-01-06", "--table", "sales")

    assert (code, "NOT PASSED" in printed) == (1, True)
    assert "table daily.sales does not exist in the warehouse" in printed


def test_an_empty_range_is_nothing_to_verify(console):
    code, printed = console.shell("verify", "2024-01-07", "2024-01-07")
    report = Verification.objects.get().get_absolute_url()

    assert (code, console.fetch(f"{report}verification.json")["verdict"]) == (2, "nothing to verify")
    assert "NOTHING TO VERIFY" in printed and "nothing to verify" in console.page(report)
