"""Pieces of SQL that several jobs share: each need served from its sources, in order of preference.

Every piece is a list of common table expressions over $start_date to $end_date. A fallback serves the
dates on which the preferred source has no row at all.
"""

# team_games: the two sides of each final game.
TEAM_GAMES = """
    final_games AS (
        SELECT game_date, game_id, season, home_team, away_team, tipoff_at
        FROM nba_raw.nbac_schedule
        WHERE game_status = 3 AND game_date BETWEEN $start_date AND $end_date
    ),
    team_games AS (
        SELECT
            game_date, game_id, season, home_team AS team, away_team AS opponent, TRUE AS is_home, tipoff_at
        FROM final_games
        UNION ALL
        SELECT game_date, game_id, season, away_team, home_team, FALSE, tipoff_at
        FROM final_games
    )
"""

# player_stats: who played, from the gamebook, else from bdl.
PLAYER_STATS = """
    gamebook AS (
        SELECT
            game_date, game_id, team, player_id, player_name, minutes, points, fgm, fga, fg3m, fg3a, ftm, fta,
            oreb, dreb, ast, stl, blk, tov, 'nbac_gamebook' AS stats_source, FALSE AS stats_fallback
        FROM nba_raw.nbac_gamebook_player_stats
        WHERE game_date BETWEEN $start_date AND $end_date AND player_status = 'active'
    ),
    bdl AS (
        SELECT
            game_date, game_id, team_abbr AS team, player_id, player_name,
            CAST(split_part(min, ':', 1) AS DOUBLE) + CAST(split_part(min, ':', 2) AS DOUBLE) / 60 AS minutes,
            pts AS points, fgm, fga, fg3m, fg3a, ftm, fta, oreb, dreb, ast, stl, blk, turnover AS tov,
            'bdl_boxscores' AS stats_source, TRUE AS stats_fallback
        FROM nba_raw.bdl_player_boxscores
        WHERE game_date BETWEEN $start_date AND $end_date AND min <> '00:00'
            AND game_date NOT IN (SELECT game_date FROM gamebook)
    ),
    player_stats AS (SELECT * FROM gamebook UNION ALL SELECT * FROM bdl)
"""

# shot_zones: attempts and makes a player, from bigdataball, else from the play-by-play's distances.
SHOT_ZONES = """
    bigdataball AS (
        SELECT game_date, game_id, team, player_id, zone, attempts, makes, 'bigdataball' AS zone_source
        FROM nba_raw.bigdataball_play_by_play
        WHERE game_date BETWEEN $start_date AND $end_date
    ),
    nbac_events AS (
        SELECT
            game_date, game_id, team, player_id,
            CASE WHEN shot_value = 3 THEN 'three' WHEN shot_distance <= 8 THEN 'paint' ELSE 'mid' END AS zone,
            count(*) AS attempts, count(*) FILTER (WHERE shot_made) AS makes,
            'nbac_play_by_play' AS zone_source
        FROM nba_raw.nbac_play_by_play
        WHERE game_date BETWEEN $start_date AND $end_date AND event_type = 'shot'
            AND game_date NOT IN (SELECT game_date FROM bigdataball)
        GROUP BY ALL
    ),
    shot_zones AS (
        SELECT
            game_date, game_id, team, player_id, any_value(zone_source) AS zone_source,
            sum(attempts) FILTER (WHERE zone = 'paint')::INTEGER AS paint_attempts,
            sum(makes) FILTER (WHERE zone = 'paint')::INTEGER AS paint_makes,
            sum(attempts) FILTER (WHERE zone = 'mid')::INTEGER AS mid_attempts,
            sum(makes) FILTER (WHERE zone = 'mid')::INTEGER AS mid_makes,
            sum(attempts) FILTER (WHERE zone = 'three')::INTEGER AS three_attempts,
            sum(makes) FILTER (WHERE zone = 'three')::INTEGER AS three_makes
        FROM (SELECT * FROM bigdataball UNION ALL SELECT * FROM nbac_events)
        GROUP BY game_date, game_id, team, player_id
    ),
    team_zones AS (
        SELECT
            game_date, game_id, team, any_value(zone_source) AS zone_source,
            sum(paint_attempts)::INTEGER AS paint_attempts, sum(paint_makes)::INTEGER AS paint_makes,
            sum(mid_attempts)::INTEGER AS mid_attempts, sum(mid_makes)::INTEGER AS mid_makes,
            sum(three_attempts)::INTEGER AS three_attempts, sum(three_makes)::INTEGER AS three_makes
        FROM shot_zones
        GROUP BY game_date, game_id, team
    )
"""

# rebuilt_boxscore: team totals from player rows, for dates without a team boxscore. Needs PLAYER_STATS.
REBUILT_BOXSCORE = """
    rebuilt_boxscore AS (
        SELECT
            game_date, game_id, team, sum(points)::INTEGER AS points, sum(fgm)::INTEGER AS fgm,
            sum(fga)::INTEGER AS fga, sum(fg3m)::INTEGER AS fg3m, sum(fg3a)::INTEGER AS fg3a,
            sum(ftm)::INTEGER AS ftm, sum(fta)::INTEGER AS fta, sum(oreb)::INTEGER AS oreb,
            sum(dreb)::INTEGER AS dreb, sum(ast)::INTEGER AS ast, sum(tov)::INTEGER AS tov,
            TRUE AS box_fallback
        FROM player_stats
        WHERE game_date NOT IN (
            SELECT game_date FROM nba_raw.nbac_team_boxscore WHERE game_date BETWEEN $start_date AND $end_date
        )
        GROUP BY game_date, game_id, team
    )
"""

# props: one points line a player, from odds_api, else from bettingpros, else none.
PROPS = """
    odds_api AS (
        SELECT game_date, player_id, median(points_line) AS points_line, 'odds_api' AS line_source
        FROM nba_raw.odds_api_player_points_props
        WHERE game_date BETWEEN $start_date AND $end_date
        GROUP BY game_date, player_id
    ),
    bettingpros AS (
        SELECT game_date, player_id, median(points_line) AS points_line, 'bettingpros' AS line_source
        FROM nba_raw.bettingpros_player_points_props
        WHERE game_date BETWEEN $start_date AND $end_date
            AND game_date NOT IN (SELECT game_date FROM odds_api)
        GROUP BY game_date, player_id
    ),
    props AS (SELECT * FROM odds_api UNION ALL SELECT * FROM bettingpros)
"""

# quality_score from the games found, up to 15: 60 at two, 69 at eight, 86 at thirteen, 94 at fifteen.
QUALITY = """
    CASE
        WHEN games_found <= 8 THEN 57 + 1.5 * games_found
        WHEN games_found <= 13 THEN 69 + 3.4 * (games_found - 8)
        ELSE 86 + 4 * (least(games_found, 15) - 13)
    END
"""
