"""1. The monitor took the maximum over a phase's tables. A phase is all of its tables, derived, never typed."""

import pytest

from apps.runs.models import Run

pytestmark = pytest.mark.usefixtures("workers")


@pytest.fixture
def half_done(rows, scan) -> None:
    """One table of Phase 2 is complete on all dates, the other on three."""
    rows("daily.sales", 8)
    rows("daily.visits", 8, "01-01", "01-02", "01-03")
    scan()


def test_page_command_and_json_count_dates_on_which_all_tables_are_complete(console, half_done):
    page = console.page("/")
    phase = console.json("coverage", "--phase", "2")["phases"][0]

    assert "3 of 29 dates (10 %) complete on all 2 tables" in page
    assert console.row("Phase 2", "coverage").startswith("Phase 2 · Daily: all tables 3 29 10")
    assert (phase["dates_complete"], phase["dates_expected"]) == (3, 29)


def test_a_table_has_its_own_number_beside_itself_only(console, half_done):
    tables = {each["name"]: each["complete"] for each in console.json("coverage", "--phase", "2")["tables"]}

    assert tables == {"daily.sales": 29, "daily.visits": 3}
    assert console.row("sales", "coverage").startswith("sales 29 29 100")
    assert "sales 29 / 29 visits 3 / 29" in console.page("/")


def test_phase_does_not_start_on_gaps_of_its_upstream_phase(console, half_done, ask):
    """Phase 3 was run for a night on what Phase 2 did not have."""
    code, said = console.shell("backfill", "--phase", "3", "--end", "2024-01-20", "--here", "--yes")

    assert code == 2 and "Nothing to do: 16 would be skipped, behind" in said
    assert not Run.objects.exists()
    assert ask("SELECT count(*) FROM weekly.trend") == [(0,)]
