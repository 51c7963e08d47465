"""Whole stretches of the demo, filled by its jobs, hold to the pipeline's own rules."""

from datetime import date

import pytest

from tests.demo.reference import PHASE_3, PHASE_4, DemoWarehouse, days


@pytest.fixture(scope="module")
def start_of_a_season(built, tmp_path_factory) -> DemoWarehouse:
    """Phase 3 of the first three weeks of 2023-24, and no Phase 4 but the planted rows."""
    warehouse = built.copied_to(tmp_path_factory.mktemp("season"))
    for table in PHASE_3:
        warehouse.backfill(table, "2023-10-24", "2023-11-14")
    return warehouse


@pytest.fixture
def season(start_of_a_season, tmp_path) -> DemoWarehouse:
    return start_of_a_season.copied_to(tmp_path)


def test_phase_3_is_complete_over_the_test_window(demo):
    window = days("2024-01-15", "2024-01-28")

    for table in PHASE_3:
        log = demo.backfill(table, "2024-01-15", "2024-01-28")

        assert "Processing day 14/14: 2024-01-28" in log
        assert demo.out_of_bounds(table, window) == {}


@pytest.mark.long
def test_phase_4_follows_phase_3_within_rules_and_quality_bands(season):
    expected = [day for day in days("2023-10-31", "2023-11-14") if day in season.units()]

    for table in PHASE_4:
        season.backfill(table, "2023-10-31", "2023-11-14")

        assert season.out_of_bounds(table, expected) == {}
        assert season.out_of_band(table, expected) == {}


@pytest.mark.long
def test_phase_4_fills_no_bootstrap_date(season):
    for table in PHASE_4:
        season.backfill(table, "2023-10-24", "2023-10-30")

        assert set(season.rows(table)) <= {date(2023, 10, 26)}


def test_phase_4_without_phase_3_writes_nothing(demo):
    for table in PHASE_4:
        demo.backfill(table, "2021-11-10", "2021-11-12")

        assert not set(demo.rows(table)) & set(days("2021-11-10", "2021-11-12"))


@pytest.mark.long
def test_quality_rises_with_the_games_found(season):
    season.backfill("team_defense_zone_analysis", "2023-10-31", "2023-11-14")

    by_games = season.ask(
        "SELECT games_found, min(quality_score), max(quality_score) "
        "FROM nba_precompute.team_defense_zone_analysis GROUP BY 1 ORDER BY 1"
    )

    assert len(by_games) > 3
    assert all(low == high for _, low, high in by_games)
    assert [low for _, low, _ in by_games] == sorted({low for _, low, _ in by_games})
