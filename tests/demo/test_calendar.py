"""The calendar of the demo is that of the product: seasons, dates and games."""

from datetime import date, timedelta

import pytest

from tests.demo.reference import PIPELINE

SEASONS = {
    "2021-22": (
        215,
        1327,
        "11-25 12-24 02-19 02-21 02-22 02-23 04-04 04-11 04-14 04-30 05-05 05-14 05-16 05-28 05-30 05-31 "
        "06-01 06-03 06-04 06-06 06-07 06-09 06-11 06-12 06-14 06-15",
    ),
    "2022-23": (
        214,
        1324,
        "11-08 11-24 12-24 02-18 02-20 02-21 02-22 04-03 04-10 04-13 05-13 05-15 05-24 05-26 05-28 05-30 "
        "05-31 06-02 06-03 06-05 06-06 06-08 06-10 06-11",
    ),
    "2023-24": (
        209,
        1322,
        "11-07 11-23 12-03 12-09 12-10 12-24 02-17 02-19 02-20 02-21 04-08 04-13 04-15 04-18 05-20 05-29 "
        "05-31 06-01 06-02 06-03 06-04 06-05 06-07 06-08 06-10 06-11 06-13 06-15 06-16",
    ),
    "2024-25": (37, 280, "11-05 11-28"),
}


@pytest.mark.parametrize("season", PIPELINE["season"], ids=lambda season: season["name"])
def test_a_season_has_its_dates_and_games(built, season):
    dates, games, days_off = SEASONS[season["name"]]
    length = (season["end"] - season["start"]).days + 1
    every_day = {season["start"] + timedelta(days=n) for n in range(length)}

    units = built.units()
    played = [day for day in units if season["start"] <= day <= season["end"]]

    assert len(played) == dates
    assert sum(units[day] for day in played) == games
    assert sorted(f"{day:%m-%d}" for day in every_day - set(played)) == sorted(days_off.split())


def test_there_are_675_expected_dates_and_none_outside_the_seasons(built):
    in_seasons = [day for season in SEASONS for day in built.season_dates(season)]

    assert len(in_seasons) == len(built.units()) == 675


def test_an_opening_night_has_two_games_and_no_night_more_than_fifteen(built):
    units = built.units()

    assert [units[season["opening"]] for season in PIPELINE["season"]] == [2, 2, 2, 2]
    assert min(units.values()) == 1
    assert max(units.values()) == 15
    assert sum(5 <= games <= 9 for games in units.values()) > 675 / 2


def test_the_playoffs_have_one_to_four_games_a_night(built):
    nights = built.ask(
        "SELECT game_date, count(*) FROM nba_raw.nbac_schedule WHERE game_type = 'playoffs' GROUP BY 1"
    )

    assert {games for _, games in nights} == {1, 2, 3, 4}


def test_no_team_plays_twice_on_a_date(built):
    twice = built.ask(
        "SELECT game_date, team FROM (SELECT game_date, unnest([home_team, away_team]) AS team "
        "FROM nba_raw.nbac_schedule) GROUP BY ALL HAVING count(*) > 1"
    )

    assert twice == []


def test_thirty_teams_play_in_each_season(built):
    teams = built.ask(
        "SELECT season, count(DISTINCT team) FROM (SELECT season, unnest([home_team, away_team]) AS team "
        "FROM nba_raw.nbac_schedule WHERE game_status = 3) GROUP BY season"
    )

    assert {count for _, count in teams} == {30}


def test_games_called_off_or_still_to_come_make_no_date_expected(built):
    not_final = {
        day for (day,) in built.ask("SELECT game_date FROM nba_raw.nbac_schedule WHERE game_status <> 3")
    }

    assert date(2023, 12, 9) in not_final
    assert max(not_final) > date(2024, 11, 29)
    assert date(2023, 12, 9) not in built.units()
    assert max(built.units()) == date(2024, 11, 29)
