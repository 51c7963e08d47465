"""The demo's sources cover exactly the dates that the product tells of."""

from datetime import date, timedelta

import pytest

from tests.demo.reference import PIPELINE, days

TEST_WINDOW = set(days("2024-01-15", "2024-01-28"))

COVERED = {
    "nbac_gamebook_player_stats": 675,
    "bdl_player_boxscores": 633,
    "nbac_team_boxscore": 640,
    "bigdataball_play_by_play": 635,
    "nbac_play_by_play": 1,
    "odds_api_player_points_props": 270,
    "bettingpros_player_points_props": 673,
}
TOGETHER = {"Player stats": 675, "Team stats": 675, "Shot zones": 635, "Props": 673}


@pytest.mark.parametrize("source", COVERED)
def test_a_source_has_its_share_of_the_expected_dates(built, source):
    dates = set(built.rows(source))

    assert len(dates) == COVERED[source]
    assert dates <= set(built.units())


@pytest.mark.parametrize("need", PIPELINE["need"], ids=lambda need: need["name"])
def test_a_need_is_met_on_the_dates_that_some_source_has(built, need):
    dates = set().union(*(built.rows(source.split(".")[1]) for source in need["sources"]))

    assert len(dates) == TOGETHER[need["name"]]
    assert len(dates) / 675 >= need["at_least"]


def test_every_source_is_complete_in_the_test_window(built):
    for source in COVERED.keys() - {"nbac_play_by_play"}:
        assert set(built.rows(source)) >= TEST_WINDOW


@pytest.mark.parametrize("season", PIPELINE["season"], ids=lambda season: season["name"])
def test_the_first_two_weeks_of_a_season_lack_shot_zones(built, season):
    window = {season["opening"] + timedelta(days=n) for n in range(14)} & set(built.units())

    assert not set(built.rows("bigdataball_play_by_play")) >= window


def test_two_dates_have_no_props_at_all(built):
    with_props = {*built.rows("odds_api_player_points_props"), *built.rows("bettingpros_player_points_props")}

    assert set(built.units()) - with_props == {date(2021, 10, 19), date(2022, 10, 18)}


def test_the_gamebook_has_about_24_players_a_game(built):
    units, rows = built.units(), built.rows("nbac_gamebook_player_stats")

    assert all(20 <= rows[day] / units[day] <= 28 for day in units)
    assert sum(rows.values()) / sum(units.values()) == pytest.approx(24, abs=0.5)
