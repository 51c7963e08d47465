"""Fill nba_analytics.team_offense_game_summary: what each side of a game did with the ball."""

import sys

from jobs.common import Job, run
from jobs.sources import PLAYER_STATS, REBUILT_BOXSCORE, SHOT_ZONES, TEAM_GAMES

JOB = Job(
    table="nba_analytics.team_offense_game_summary",
    date_column="game_date",
    starts_phase_4=True,
    sql=f"""
    WITH {TEAM_GAMES}, {PLAYER_STATS}, {SHOT_ZONES}, {REBUILT_BOXSCORE},
    -- A game may have been scraped more than once: the latest row of a finished game counts.
    boxscore AS (
        SELECT
            game_date, game_id, team, points, fgm, fga, fg3m, fg3a, ftm, fta, oreb, dreb, ast, tov,
            FALSE AS box_fallback
        FROM nba_raw.nbac_team_boxscore
        WHERE game_date BETWEEN $start_date AND $end_date AND box_status = 'Final'
        QUALIFY row_number() OVER (PARTITION BY game_id, team ORDER BY scraped_at DESC) = 1
    ),
    team_box AS (SELECT * FROM boxscore UNION ALL SELECT * FROM rebuilt_boxscore)
    SELECT
        b.game_date, b.game_id, g.season, b.team, g.opponent, g.is_home,
        b.points, b.fgm, b.fga, b.fg3m, b.fg3a, b.ftm, b.fta, b.oreb, b.dreb, b.ast AS assists,
        b.tov AS turnovers,
        round(b.fga + 0.44 * b.fta - b.oreb + b.tov, 1) AS possessions,
        round(100 * b.points / nullif(b.fga + 0.44 * b.fta - b.oreb + b.tov, 0), 1) AS offensive_rating,
        round((b.fgm + 0.5 * b.fg3m) / nullif(b.fga, 0), 3) AS effective_field_goal_share,
        z.paint_attempts, z.paint_makes, z.mid_attempts, z.mid_makes, z.three_attempts, z.three_makes,
        z.zone_source,
        b.box_fallback OR coalesce(z.zone_source = 'nbac_play_by_play', FALSE) AS used_fallback
    FROM team_box AS b
    JOIN team_games AS g USING (game_date, game_id, team)
    LEFT JOIN team_zones AS z USING (game_date, game_id, team)
    ORDER BY b.game_date, b.game_id, b.team
    """,
)

if __name__ == "__main__":
    sys.exit(run(JOB))
