"""Fill nba_analytics.player_game_summary: one row for each player who played."""

import sys

from jobs.common import Job, run
from jobs.sources import PLAYER_STATS, SHOT_ZONES, TEAM_GAMES

JOB = Job(
    table="nba_analytics.player_game_summary",
    date_column="game_date",
    starts_phase_4=True,
    sql=f"""
    WITH {TEAM_GAMES}, {PLAYER_STATS}, {SHOT_ZONES},
    team_totals AS (
        SELECT game_id, team, sum(minutes) AS minutes, sum(fga + 0.44 * fta + tov) AS possessions_used
        FROM player_stats
        GROUP BY game_id, team
    )
    SELECT
        p.game_date, p.game_id, g.season, p.team, g.opponent, g.is_home, p.player_id, p.player_name,
        p.minutes, p.points, p.fgm, p.fga, p.fg3m, p.fg3a, p.ftm, p.fta,
        p.oreb + p.dreb AS rebounds, p.ast AS assists, p.stl AS steals, p.blk AS blocks, p.tov AS turnovers,
        p.points / nullif(2 * (p.fga + 0.44 * p.fta), 0) AS true_shooting,
        CAST(
            100 * (p.fga + 0.44 * p.fta + p.tov) * (t.minutes / 5) / (p.minutes * t.possessions_used)
            AS DECIMAL(5, 2)
        ) AS usage_rate,
        z.paint_attempts, z.paint_makes, z.mid_attempts, z.mid_makes, z.three_attempts, z.three_makes,
        p.stats_source, z.zone_source,
        p.stats_fallback OR coalesce(z.zone_source = 'nbac_play_by_play', FALSE) AS used_fallback
    FROM player_stats AS p
    JOIN team_games AS g USING (game_date, game_id, team)
    JOIN team_totals AS t USING (game_id, team)
    LEFT JOIN shot_zones AS z USING (game_date, game_id, team, player_id)
    ORDER BY p.game_date, p.game_id, p.team, p.player_id
    """,
)

if __name__ == "__main__":
    sys.exit(run(JOB))
