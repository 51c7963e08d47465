"""Fill nba_analytics.upcoming_player_game_context: every player who may play, with form and points line."""

import sys

from jobs.common import Job, run
from jobs.sources import PROPS, TEAM_GAMES

JOB = Job(
    table="nba_analytics.upcoming_player_game_context",
    date_column="game_date",
    starts_phase_4=True,
    sql=f"""
    WITH {TEAM_GAMES}, {PROPS},
    players AS (
        SELECT g.game_date, g.game_id, g.season, g.team, g.opponent, g.is_home, r.player_id, r.player_name
        FROM team_games AS g
        JOIN nba_raw.br_rosters AS r USING (season, team)
        ANTI JOIN (
            SELECT game_date, player_id FROM nba_raw.nbac_injury_report
            WHERE game_date BETWEEN $start_date AND $end_date AND injury_status = 'Out'
        ) AS injured USING (game_date, player_id)
    ),
    history AS (
        SELECT game_date, player_id, points, minutes
        FROM nba_raw.nbac_gamebook_player_stats
        WHERE game_date BETWEEN $start_date - 30 AND $end_date AND player_status = 'active'
    ),
    recent AS (
        SELECT p.game_id, p.player_id, p.game_date, h.game_date AS played_on, h.points, h.minutes
        FROM players AS p
        JOIN history AS h
            ON h.player_id = p.player_id AND h.game_date < p.game_date AND h.game_date >= p.game_date - 30
        QUALIFY row_number() OVER (PARTITION BY p.game_id, p.player_id ORDER BY h.game_date DESC) <= 10
    ),
    form AS (
        SELECT
            game_id, player_id, count(*)::INTEGER AS games_found, max(played_on) AS last_played_date,
            round(avg(points), 2) AS points_average, round(avg(minutes), 2) AS minutes_average
        FROM recent
        GROUP BY game_id, player_id
    )
    SELECT
        p.game_date, p.game_id, p.season, p.team, p.opponent, p.is_home, p.player_id, p.player_name,
        coalesce(f.games_found, 0) AS games_found, f.points_average, f.minutes_average,
        p.game_date - f.last_played_date - 1 AS days_rest,
        x.points_line, x.line_source,
        coalesce(x.line_source = 'bettingpros', FALSE) AS used_fallback
    FROM players AS p
    LEFT JOIN form AS f USING (game_id, player_id)
    LEFT JOIN props AS x USING (game_date, player_id)
    ORDER BY p.game_date, p.game_id, p.team, p.player_id
    """,
)

if __name__ == "__main__":
    sys.exit(run(JOB))
