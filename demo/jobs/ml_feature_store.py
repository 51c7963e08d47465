"""Fill nba_precompute.ml_feature_store: the features of each player and date, in the models' order."""

import sys

from jobs.common import Job, run

JOB = Job(
    table="nba_precompute.ml_feature_store",
    date_column="feature_date",
    skip_first_days=7,
    sql="""
    WITH composite AS (
        SELECT * FROM nba_precompute.player_composite_factors
        WHERE game_date BETWEEN $start_date AND $end_date
    )
    SELECT
        p.game_date AS feature_date, p.game_id, p.season, p.team, p.player_id,
        [
            c.points_last_5, c.points_last_10, c.points_average, c.minutes_average, c.usage_average,
            c.team_pace, p.fatigue_score, p.zone_mismatch, p.opponent_factor, p.line_gap, p.composite_score,
            z.paint_share, z.mid_share, z.three_share, o.paint_accuracy_allowed, o.three_accuracy_allowed
        ]::DOUBLE[] AS features,
        'v1_16' AS feature_version,
        least(p.quality_score, coalesce(c.quality_score, p.quality_score))::DECIMAL(5, 2) AS quality_score,
        p.used_fallback
    FROM composite AS p
    LEFT JOIN nba_precompute.player_daily_cache AS c
        ON c.cache_date = p.game_date AND c.player_id = p.player_id
    LEFT JOIN nba_precompute.player_shot_zone_analysis AS z
        ON z.analysis_date = p.game_date AND z.player_id = p.player_id
    LEFT JOIN nba_precompute.team_defense_zone_analysis AS o
        ON o.analysis_date = p.game_date AND o.team = p.opponent
    ORDER BY p.game_date, p.game_id, p.team, p.player_id
    """,
)

if __name__ == "__main__":
    sys.exit(run(JOB))
