"""The demo's raw tables: plausible box scores, plays and props, generated from hashes, the same at every build.

Nothing depends on the clock. The numbers of rows (players out, players who played) are valid for any hash.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import duckdb
from calendar_of_games import SEASONS, TEAMS, Game, words

ALL_STAR_DATES = tuple(day for season in SEASONS for day in season.all_star)
UNFINISHED_BOXSCORE_DATE = date(2022, 12, 12)
NO_TIPOFF_DATE = date(2022, 1, 19)
DOUBLED_BOXSCORE_DATE = date(2023, 12, 1)

ROSTER_SIZE = 18


def game_dates() -> list[date]:
    return [day for season in SEASONS for day in season.dates]


def dates_covered() -> dict[str, set[date]]:
    """The dates of each source. Missing: starts of seasons, outages, a feed bought late."""
    every = game_dates()
    by_season = [season.dates for season in SEASONS]
    first, second, third, fourth = by_season
    return {
        "nbac_gamebook_player_stats": set(every),
        "bdl_player_boxscores": set(every)
        - set(first[:14] + after(first, date(2022, 5, 2))[:10])
        - set(after(second, date(2022, 11, 1))[:12] + third[:4] + fourth[:2]),
        "nbac_team_boxscore": set(every)
        - set(first[:20] + second[:3] + third[:3] + after(third, date(2024, 3, 11))[:9]),
        "bigdataball_play_by_play": set(every)
        - set(first[:13] + second[:8] + after(second, date(2023, 3, 5))[:10] + third[:6] + fourth[:3]),
        "nbac_play_by_play": {date(2024, 11, 15)},
        "odds_api_player_points_props": set(second[-42:])
        | set(third[7:]) - set(after(third, date(2024, 4, 1))[:6])
        | set(fourth[5:]),
        "bettingpros_player_points_props": set(every) - {first[0], second[0]},
    }


def after(days: list[date], start: date) -> list[date]:
    return [day for day in days if day >= start]


def fill(connection: duckdb.DuckDBPyConnection, games: list[Game]) -> None:
    """Create and fill every table of nba_raw."""
    connection.execute(CHANCE)
    fill_schedule(connection, games)
    fill_rosters(connection)
    connection.execute(INJURIES)
    for statement in TRUTH:
        connection.execute(statement)
    for source, dates in dates_covered().items():
        remember_dates(connection, "covered", dates)
        connection.execute(f"CREATE TABLE nba_raw.{source} AS {SOURCE_ROWS[source]}")
    plant_faults(connection)


def remember_dates(connection: duckdb.DuckDBPyConnection, name: str, dates: Iterable[date]) -> None:
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT unnest($dates) AS game_date", {"dates": sorted(dates)}
    )


def fill_schedule(connection: duckdb.DuckDBPyConnection, games: list[Game]) -> None:
    columns = (
        "game_id",
        "game_date",
        "season",
        "game_type",
        "game_status",
        "home_team",
        "away_team",
        "tipoff_at",
    )
    connection.execute(
        f"CREATE TABLE nba_raw.nbac_schedule AS SELECT {', '.join(f'unnest(${c}) AS {c}' for c in columns)}",
        {column: [getattr(game, column) for game in games] for column in columns},
    )


def fill_rosters(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        ROSTERS,
        {
            "seasons": [season.name for season in SEASONS],
            "teams": TEAMS,
            "size": ROSTER_SIZE,
            "first_names": FIRST_NAMES,
            "last_names": LAST_NAMES,
        },
    )


def plant_faults(connection: duckdb.DuckDBPyConnection) -> None:
    """Change the raw rows of a few dates; demo/README.md lists them with their effects."""
    # Exhibition games have no proper minutes: the top scorer has about a second.
    remember_dates(connection, "all_star", ALL_STAR_DATES)
    connection.execute(
        """
        UPDATE nba_raw.nbac_gamebook_player_stats AS g SET minutes = 0.02
        FROM (
            SELECT game_date, arg_max(player_id, fga * 10000 + player_id % 10000) AS player_id
            FROM nba_raw.nbac_gamebook_player_stats SEMI JOIN all_star USING (game_date)
            GROUP BY game_date
        ) AS star
        WHERE g.game_date = star.game_date AND g.player_id = star.player_id
        """
    )
    # Scraped at half-time and never again.
    connection.execute(
        "UPDATE nba_raw.nbac_team_boxscore SET box_status = 'In progress' WHERE game_date = ?",
        [UNFINISHED_BOXSCORE_DATE],
    )
    # A corrected schedule lacks the times of all games except one.
    connection.execute(
        """
        UPDATE nba_raw.nbac_schedule SET tipoff_at = NULL
        WHERE game_date = $day AND game_id <> (
            SELECT min(game_id) FROM nba_raw.nbac_schedule WHERE game_date = $day
        )
        """,
        {"day": NO_TIPOFF_DATE},
    )
    # Loaded twice.
    connection.execute(
        """
        INSERT INTO nba_raw.nbac_team_boxscore
        SELECT * REPLACE (scraped_at + INTERVAL 3 HOUR AS scraped_at) FROM nba_raw.nbac_team_boxscore
        WHERE game_date = ? ORDER BY game_id, team
        """,
        [DOUBLED_BOXSCORE_DATE],
    )


# chance(what, a, b) is a number from 0 to below 1 that depends on nothing but its arguments.
CHANCE = """
    CREATE OR REPLACE TEMP MACRO chance(what, a, b) AS (hash(what, a, b) % 1000003)::DOUBLE / 1000003
"""

FIRST_NAMES = words(
    "Aaron Amir Andre Bennett Bryce Caleb Cameron Carlos Damon Dario Darius Deon Devin Elias Emil Ervin Ezra "
    "Felix Garrett Gideon Hamid Isaac Ivan Jalil Jamal Jared Jonas Julian Kasper Keenan Kendall Lamar Leon "
    "Luka Malik Marcus Mateo Milan Miles Nikos Noah Omar Oscar Pascal Quentin Rafael Reggie Rowan Samir "
    "Sergio Stefan Tariq Terrell Theo Tomas Trevor Victor Wendell Xavier Yusuf Zoran"
)
LAST_NAMES = words(
    "Abbott Adeyemi Alston Bailey Banks Barlow Benson Bishop Boateng Brandt Bridges Brooks Burke Calder "
    "Carver Castillo Coleman Cross Dalton Dawson Delgado Diallo Dixon Dorsey Ellis Emery Fields Fletcher "
    "Fontaine Foster Garner Gibbs Granger Greer Hale Harlow Hayes Hendrix Holt Hudson Ivey Jansen Jarrett "
    "Keller Kovac Lambert Lawson Lindqvist Lowe Maddox Marin Mercer Monroe Moreau Nash Novak Okafor Orton "
    "Parrish Petrov Pryor Quick Radic Ramsey Rhodes Rollins Sadler Santos Shaw Sinclair Sloan Stanton "
    "Sutter Tate Thorne Toure Vance Vargas Walsh Webb Whitlock Yates Zeller"
)

# Four of eighteen players change each season.
ROSTERS = """
    CREATE TABLE nba_raw.br_rosters AS
    SELECT
        season, team, player_id, slot::INTEGER AS slot,
        $first_names[1 + (hash('first', player_id) % len($first_names))::INTEGER] || ' '
            || $last_names[1 + (hash('last', player_id) % len($last_names))::INTEGER] AS player_name
    FROM (
        SELECT
            season, team, slot,
            (1600000 + team_number * 1000 + slot
                + CASE WHEN slot % 4 = 3 THEN 100 * season_number ELSE 0 END)::INTEGER AS player_id
        FROM (SELECT unnest($seasons) AS season, generate_subscripts($seasons, 1) AS season_number)
        CROSS JOIN (SELECT unnest($teams) AS team, generate_subscripts($teams, 1) AS team_number)
        CROSS JOIN range(1, $size + 1) AS slots(slot)
    )
    ORDER BY season, team, slot
"""

# At most three of a team are out, so that fifteen or more can play.
INJURIES = """
    CREATE TABLE nba_raw.nbac_injury_report AS
    WITH listed AS (
        SELECT
            s.game_date, s.game_id, r.team, r.player_id, r.player_name,
            chance('injury', s.game_id, r.player_id) AS luck
        FROM nba_raw.nbac_schedule AS s
        JOIN nba_raw.br_rosters AS r ON r.season = s.season AND r.team IN (s.home_team, s.away_team)
        WHERE s.game_status = 3
    )
    SELECT
        game_date, game_id, team, player_id, player_name,
        CASE
            WHEN luck < 0.09 AND row_number() OVER (PARTITION BY game_id, team ORDER BY luck, player_id) <= 3
            THEN 'Out' ELSE 'Questionable'
        END AS injury_status
    FROM listed
    WHERE luck < 0.13
    ORDER BY game_date, game_id, team, player_id
"""

# The complete games, of which each source has a part. Nine to thirteen players of a team play, one more is
# listed in the gamebook without playing.
TRUTH = (
    """
    CREATE TEMP TABLE listed AS
    WITH sides AS (
        SELECT game_date, game_id, season, unnest([home_team, away_team]) AS team
        FROM nba_raw.nbac_schedule WHERE game_status = 3
    ),
    healthy AS (
        SELECT
            s.game_date, s.game_id, s.team, r.player_id, r.player_name,
            9 + (hash('size', s.game_id, s.team) % 3 + hash('more', s.game_id, s.team) % 3)::INTEGER
                AS playing,
            row_number() OVER (
                PARTITION BY s.game_id, s.team
                ORDER BY r.slot + 4 * chance('order', s.game_id, r.player_id), r.player_id
            ) AS place
        FROM sides AS s
        JOIN nba_raw.br_rosters AS r USING (season, team)
        ANTI JOIN (SELECT * FROM nba_raw.nbac_injury_report WHERE injury_status = 'Out') AS i
            ON i.game_id = s.game_id AND i.player_id = r.player_id
    )
    SELECT
        game_date, game_id, team, player_id, player_name, place, place <= playing AS played,
        CASE WHEN place <= playing THEN 38 - 2.5 * place + 6 * chance('minutes', game_id, player_id) END
            AS weight
    FROM healthy
    WHERE place <= playing + 1
    """,
    """
    CREATE TEMP TABLE shots AS
    WITH timed AS (
        SELECT
            *, round(240 * weight / sum(weight) OVER (PARTITION BY game_id, team), 2) AS minutes
        FROM listed WHERE played
    )
    SELECT
        game_date, game_id, team, player_id, minutes,
        (minutes * (0.12 + 0.16 * chance('paint', game_id, player_id)))::INTEGER AS paint_attempts,
        (minutes * (0.03 + 0.11 * chance('mid', game_id, player_id)))::INTEGER AS mid_attempts,
        (minutes * (0.08 + 0.14 * chance('three', game_id, player_id)))::INTEGER AS three_attempts,
        floor(paint_attempts * (0.50 + 0.20 * chance('paint%', game_id, player_id)) + 0.5)::INTEGER
            AS paint_makes,
        floor(mid_attempts * (0.30 + 0.24 * chance('mid%', game_id, player_id)) + 0.5)::INTEGER AS mid_makes,
        floor(three_attempts * (0.22 + 0.28 * chance('three%', game_id, player_id)) + 0.5)::INTEGER
            AS three_makes
    FROM timed
    """,
    """
    CREATE TEMP TABLE truth AS
    WITH counted AS (
        SELECT
            l.game_date, l.game_id, l.team, l.player_id, l.player_name, l.place, l.played, s.minutes,
            paint_makes + mid_makes + three_makes AS fgm,
            paint_attempts + mid_attempts + three_attempts AS fga,
            three_makes AS fg3m, three_attempts AS fg3a,
            (s.minutes * 0.20 * chance('fta', l.game_id, l.player_id))::INTEGER AS fta,
            (s.minutes * 0.09 * chance('oreb', l.game_id, l.player_id))::INTEGER AS oreb,
            (s.minutes * 0.28 * chance('dreb', l.game_id, l.player_id))::INTEGER AS dreb,
            (s.minutes * 0.22 * chance('ast', l.game_id, l.player_id))::INTEGER AS ast,
            (s.minutes * 0.07 * chance('stl', l.game_id, l.player_id))::INTEGER AS stl,
            (s.minutes * 0.05 * chance('blk', l.game_id, l.player_id))::INTEGER AS blk,
            (s.minutes * 0.12 * chance('tov', l.game_id, l.player_id))::INTEGER AS tov
        FROM listed AS l LEFT JOIN shots AS s USING (game_id, player_id)
    )
    SELECT
        *, floor(fta * (0.65 + 0.30 * chance('ft%', game_id, player_id)) + 0.5)::INTEGER AS ftm,
        2 * (fgm - fg3m) + 3 * fg3m + ftm AS points
    FROM counted
    """,
    """
    CREATE TEMP TABLE lines AS
    SELECT
        game_date, game_id, team, player_id, player_name, place,
        floor(greatest(3, 24 - 1.8 * place + 5 * chance('line', player_id, game_date))) + 0.5 AS points_line
    FROM listed WHERE place <= 8
    """,
)

STATISTICS = "points, fgm, fga, fg3m, fg3a, ftm, fta, oreb, dreb, ast, stl, blk, tov"

SOURCE_ROWS = {
    "nbac_gamebook_player_stats": f"""
        SELECT
            game_date, game_id, team, player_id, player_name,
            CASE WHEN played THEN 'active' ELSE 'dnp' END AS player_status, minutes, {STATISTICS}
        FROM truth SEMI JOIN covered USING (game_date)
        ORDER BY game_date, game_id, team, place
    """,
    "bdl_player_boxscores": """
        SELECT
            game_date, game_id, team AS team_abbr, player_id, player_name,
            CASE
                WHEN played
                THEN printf('%02d:%02d', floor(minutes)::INTEGER, floor(minutes % 1 * 60)::INTEGER)
                ELSE '00:00'
            END AS min,
            points AS pts, fgm, fga, fg3m, fg3a, ftm, fta, oreb, dreb, ast, stl, blk, tov AS turnover
        FROM truth SEMI JOIN covered USING (game_date)
        ORDER BY game_date, game_id, team, place
    """,
    "nbac_team_boxscore": f"""
        SELECT
            game_date, game_id, team, 'Final' AS box_status,
            {", ".join(f"sum({name})::INTEGER AS {name}" for name in STATISTICS.split(", "))},
            game_date + INTERVAL 30 HOUR AS scraped_at
        FROM truth SEMI JOIN covered USING (game_date)
        WHERE played
        GROUP BY game_date, game_id, team
        ORDER BY game_date, game_id, team
    """,
    "bigdataball_play_by_play": """
        SELECT game_date, game_id, team, player_id, zone, attempts, makes
        FROM (
            SELECT
                game_date, game_id, team, player_id, unnest(['paint', 'mid', 'three']) AS zone,
                unnest([paint_attempts, mid_attempts, three_attempts]) AS attempts,
                unnest([paint_makes, mid_makes, three_makes]) AS makes
            FROM shots SEMI JOIN covered USING (game_date)
        )
        WHERE attempts > 0
        ORDER BY game_date, game_id, team, player_id, zone
    """,
    "nbac_play_by_play": """
        WITH zones AS (
            SELECT
                game_date, game_id, team, player_id,
                unnest([2, 15, 25]) AS shot_distance, unnest([2, 2, 3]) AS shot_value,
                unnest([paint_attempts, mid_attempts, three_attempts]) AS attempts,
                unnest([paint_makes, mid_makes, three_makes]) AS makes
            FROM shots SEMI JOIN covered USING (game_date)
        ),
        events AS (
            SELECT *, unnest(range(attempts)) AS number FROM zones
        )
        SELECT
            game_date, game_id,
            row_number() OVER (
                PARTITION BY game_id ORDER BY chance(number, player_id, shot_distance), player_id, number
            ) AS event_number,
            team, player_id, 'shot' AS event_type, shot_distance, shot_value, number < makes AS shot_made
        FROM events
        ORDER BY game_date, game_id, event_number
    """,
    "odds_api_player_points_props": """
        SELECT game_date, game_id, player_id, player_name, bookmaker, points_line
        FROM (
            SELECT *, unnest(['draftkings', 'fanduel']) AS bookmaker
            FROM lines SEMI JOIN covered USING (game_date)
            WHERE place <= 6
        )
        ORDER BY game_date, game_id, team, place, bookmaker
    """,
    "bettingpros_player_points_props": """
        SELECT game_date, player_id, player_name, team, 'consensus' AS book, points_line
        FROM lines SEMI JOIN covered USING (game_date)
        ORDER BY game_date, game_id, team, place
    """,
}
