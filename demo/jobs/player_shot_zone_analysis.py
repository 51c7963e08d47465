"""Fill nba_precompute.player_shot_zone_analysis: where each player shot from in the last 30 days."""

import sys

from jobs.common import Job, run
from jobs.sources import QUALITY, TEAM_GAMES

JOB = Job(
    table="nba_precompute.player_shot_zone_analysis",
    date_column="analysis_date",
    skip_first_days=7,
    sql=f"""
    WITH {TEAM_GAMES},
    days AS (SELECT DISTINCT game_date AS analysis_date, season FROM final_games),
    summaries AS (
        SELECT s.*, d.analysis_date
        FROM days AS d
        JOIN nba_analytics.player_game_summary AS s ON s.season = d.season AND s.game_date < d.analysis_date
    ),
    depth AS (
        SELECT analysis_date, team, least(count(DISTINCT game_id), 15)::INTEGER AS games_found
        FROM summaries
        GROUP BY analysis_date, team
    ),
    zones AS (
        SELECT
            analysis_date, season, player_id, any_value(player_name) AS player_name,
            arg_max(team, game_date) AS team,
            count(*)::INTEGER AS games_played, sum(fga)::INTEGER AS attempts,
            sum(paint_attempts) AS paint_attempts, sum(paint_makes) AS paint_makes,
            sum(mid_attempts) AS mid_attempts, sum(mid_makes) AS mid_makes,
            sum(three_attempts) AS three_attempts, sum(three_makes) AS three_makes,
            bool_or(used_fallback) AS used_fallback
        FROM summaries
        WHERE game_date >= analysis_date - 30
        GROUP BY analysis_date, season, player_id
    )
    SELECT
        z.analysis_date, z.season, z.team, z.player_id, z.player_name, z.games_played, z.attempts,
        round(z.paint_attempts / nullif(z.attempts, 0), 3) AS paint_share,
        round(z.mid_attempts / nullif(z.attempts, 0), 3) AS mid_share,
        round(z.three_attempts / nullif(z.attempts, 0), 3) AS three_share,
        round(z.paint_makes / nullif(z.paint_attempts, 0), 3) AS paint_accuracy,
        round(z.mid_makes / nullif(z.mid_attempts, 0), 3) AS mid_accuracy,
        round(z.three_makes / nullif(z.three_attempts, 0), 3) AS three_accuracy,
        d.games_found, CAST({QUALITY} AS DECIMAL(5, 2)) AS quality_score, z.used_fallback
    FROM zones AS z
    JOIN depth AS d USING (analysis_date, team)
    ORDER BY z.analysis_date, z.team, z.player_id
    """,
)

if __name__ == "__main__":
    sys.exit(run(JOB))
