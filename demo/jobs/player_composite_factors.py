"""Fill nba_precompute.player_composite_factors: what tonight's opponent and schedule do to each player."""

import sys

from jobs.common import Job, run

JOB = Job(
    table="nba_precompute.player_composite_factors",
    date_column="game_date",
    skip_first_days=7,
    sql="""
    WITH players AS (
        SELECT * FROM nba_analytics.upcoming_player_game_context
        WHERE game_date BETWEEN $start_date AND $end_date
    ),
    factors AS (
        SELECT
            p.game_date, p.game_id, p.season, p.team, p.opponent, p.player_id, p.player_name,
            greatest(0, 100 - 12 * coalesce(t.games_in_last_7_days, 0)
                - 15 * coalesce(t.is_back_to_back, FALSE)::INTEGER)::INTEGER AS fatigue_score,
            round(100 * (
                z.paint_share * (o.paint_accuracy_allowed - 0.60)
                + z.mid_share * (o.mid_accuracy_allowed - 0.42)
                + z.three_share * (o.three_accuracy_allowed - 0.36)
            ), 2) AS zone_mismatch,
            round(o.defensive_rating - 112, 2) AS opponent_factor,
            round(coalesce(p.points_line, p.points_average) - p.points_average, 2) AS line_gap,
            least(coalesce(o.quality_score, 50), coalesce(z.quality_score, o.quality_score, 50))
                AS quality_score,
            p.used_fallback OR coalesce(z.used_fallback, FALSE) AS used_fallback
        FROM players AS p
        LEFT JOIN nba_analytics.upcoming_team_game_context AS t USING (game_date, game_id, team)
        LEFT JOIN nba_precompute.player_shot_zone_analysis AS z
            ON z.analysis_date = p.game_date AND z.player_id = p.player_id
        LEFT JOIN nba_precompute.team_defense_zone_analysis AS o
            ON o.analysis_date = p.game_date AND o.team = p.opponent
    )
    SELECT
        * EXCLUDE (quality_score, used_fallback),
        round(coalesce(zone_mismatch, 0) + coalesce(opponent_factor, 0) / 4
            + (fatigue_score - 70) / 20.0, 2) AS composite_score,
        quality_score::DECIMAL(5, 2) AS quality_score, used_fallback
    FROM factors
    ORDER BY game_date, game_id, team, player_id
    """,
)

if __name__ == "__main__":
    sys.exit(run(JOB))
