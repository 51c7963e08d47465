"""Fill nba_analytics.team_defense_game_summary: what each side of a game allowed the other."""

import sys

from jobs.common import Job, run
from jobs.sources import PLAYER_STATS, REBUILT_BOXSCORE, SHOT_ZONES, TEAM_GAMES

JOB = Job(
    table="nba_analytics.team_defense_game_summary",
    date_column="game_date",
    starts_phase_4=True,
    sql=f"""
    WITH {TEAM_GAMES}, {PLAYER_STATS}, {SHOT_ZONES}, {REBUILT_BOXSCORE},
    boxscore AS (
        SELECT
            game_date, game_id, team, points, fgm, fga, fg3m, fg3a, ftm, fta, oreb, dreb, ast, tov,
            FALSE AS box_fallback
        FROM nba_raw.nbac_team_boxscore
        WHERE game_date BETWEEN $start_date AND $end_date
    ),
    team_box AS (SELECT * FROM boxscore UNION ALL SELECT * FROM rebuilt_boxscore),
    defenders AS (
        SELECT
            game_id, team, sum(stl)::INTEGER AS steals, sum(blk)::INTEGER AS blocks,
            bool_or(stats_fallback) AS stats_fallback
        FROM player_stats
        GROUP BY game_id, team
    )
    SELECT
        own.game_date, own.game_id, g.season, own.team, g.opponent, g.is_home,
        other.points AS points_allowed, other.fgm AS fgm_allowed, other.fga AS fga_allowed,
        other.fg3m AS fg3m_allowed, other.fg3a AS fg3a_allowed, other.tov AS turnovers_forced,
        own.dreb AS defensive_rebounds, d.steals, d.blocks,
        round(100 * other.points / nullif(other.fga + 0.44 * other.fta - other.oreb + other.tov, 0), 1)
            AS defensive_rating,
        z.paint_attempts AS paint_attempts_allowed, z.paint_makes AS paint_makes_allowed,
        z.mid_attempts AS mid_attempts_allowed, z.mid_makes AS mid_makes_allowed,
        z.three_attempts AS three_attempts_allowed, z.three_makes AS three_makes_allowed,
        z.zone_source,
        own.box_fallback OR coalesce(d.stats_fallback, FALSE)
            OR coalesce(z.zone_source = 'nbac_play_by_play', FALSE) AS used_fallback
    FROM team_box AS own
    JOIN team_box AS other ON other.game_id = own.game_id AND other.team <> own.team
    JOIN team_games AS g ON g.game_id = own.game_id AND g.team = own.team
    LEFT JOIN defenders AS d ON d.game_id = own.game_id AND d.team = own.team
    LEFT JOIN team_zones AS z ON z.game_id = own.game_id AND z.team = other.team
    ORDER BY own.game_date, own.game_id, own.team
    """,
)

if __name__ == "__main__":
    sys.exit(run(JOB))
