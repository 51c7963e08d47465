-- Fill nba_precompute.team_defense_zone_analysis: what each team allowed, zone by zone, in its last 15 games
-- of the season. One row a team and date. The first seven days of a season have none.
BEGIN;

DELETE FROM nba_precompute.team_defense_zone_analysis
WHERE analysis_date BETWEEN @start_date AND @end_date;

INSERT INTO nba_precompute.team_defense_zone_analysis
WITH openings AS (
    SELECT season, min(game_date) AS opening_date
    FROM nba_raw.nbac_schedule
    WHERE game_status = 3
    GROUP BY season
),
days AS (
    SELECT DISTINCT s.game_date AS analysis_date, s.season
    FROM nba_raw.nbac_schedule AS s
    JOIN openings AS o ON o.season = s.season
    WHERE s.game_status = 3
        AND s.game_date BETWEEN @start_date AND @end_date
        AND s.game_date >= o.opening_date + INTERVAL 7 DAY
),
recent AS (
    SELECT d.analysis_date, t.*
    FROM days AS d
    JOIN nba_analytics.team_defense_game_summary AS t ON t.season = d.season AND t.game_date < d.analysis_date
    -- Counted by game: rows that came twice must not crowd out earlier games.
    QUALIFY dense_rank() OVER (
        PARTITION BY d.analysis_date, t.team ORDER BY t.game_date DESC, t.game_id
    ) <= 15
),
zones AS (
    SELECT
        analysis_date, season, team,
        CAST(count(DISTINCT game_id) AS INTEGER) AS games_found,
        round(avg(defensive_rating), 2) AS defensive_rating,
        round(sum(paint_makes_allowed) / nullif(sum(paint_attempts_allowed), 0), 3) AS paint_accuracy_allowed,
        round(sum(mid_makes_allowed) / nullif(sum(mid_attempts_allowed), 0), 3) AS mid_accuracy_allowed,
        round(sum(three_makes_allowed) / nullif(sum(three_attempts_allowed), 0), 3) AS three_accuracy_allowed,
        max(CASE WHEN used_fallback THEN 1 ELSE 0 END) = 1 AS used_fallback
    FROM recent
    GROUP BY analysis_date, season, team
)
SELECT
    analysis_date, season, team, games_found, defensive_rating,
    paint_accuracy_allowed, mid_accuracy_allowed, three_accuracy_allowed,
    -- 60 at two games found, 69 at eight, 86 at thirteen, 94 at fifteen
    CASE
        WHEN games_found <= 8 THEN 57 + 1.5 * games_found
        WHEN games_found <= 13 THEN 69 + 3.4 * (games_found - 8)
        ELSE 86 + 4 * (games_found - 13)
    END AS quality_score,
    used_fallback,
    CAST(CURRENT_TIMESTAMP AS DATETIME) AS processed_at
FROM zones
ORDER BY analysis_date, team;

COMMIT;
