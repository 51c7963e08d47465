"""Fill nba_analytics.upcoming_team_game_context: what is known of each side before the game."""

import sys

from jobs.common import Job, run
from jobs.sources import TEAM_GAMES

JOB = Job(
    table="nba_analytics.upcoming_team_game_context",
    date_column="game_date",
    starts_phase_4=True,
    sql=f"""
    WITH {TEAM_GAMES},
    played AS (
        SELECT game_date, season, unnest([home_team, away_team]) AS team
        FROM nba_raw.nbac_schedule
        WHERE game_status = 3 AND game_date BETWEEN $start_date - 30 AND $end_date
    ),
    recent AS (
        SELECT
            g.game_id, g.team, max(p.game_date) AS last_game_date,
            count(*) FILTER (WHERE p.game_date >= g.game_date - 7) AS games_in_last_7_days,
            count(*) FILTER (WHERE p.game_date >= g.game_date - 14) AS games_in_last_14_days
        FROM team_games AS g
        JOIN played AS p ON p.team = g.team AND p.season = g.season AND p.game_date < g.game_date
        GROUP BY g.game_id, g.team
    )
    SELECT
        g.game_date, g.game_id, g.season, g.team, g.opponent, g.is_home, g.tipoff_at,
        hour(g.tipoff_at) >= 22 AS is_late_start,
        g.game_date - r.last_game_date - 1 AS days_rest,
        coalesce(g.game_date - r.last_game_date = 1, FALSE) AS is_back_to_back,
        coalesce(r.games_in_last_7_days, 0)::INTEGER AS games_in_last_7_days,
        coalesce(r.games_in_last_14_days, 0)::INTEGER AS games_in_last_14_days
    FROM team_games AS g
    LEFT JOIN recent AS r USING (game_id, team)
    -- Rest is counted from tip-off: a game without one cannot be described.
    WHERE g.tipoff_at IS NOT NULL
    ORDER BY g.game_date, g.game_id, g.team
    """,
)

if __name__ == "__main__":
    sys.exit(run(JOB))
