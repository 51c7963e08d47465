-- Fill nba_precompute.player_daily_cache: the last 30 days of each player who may play on a date. One row a
-- player and date, for players who played at all in those days. The first seven days of a season have none.
BEGIN;

DELETE FROM nba_precompute.player_daily_cache
WHERE cache_date BETWEEN @start_date AND @end_date;

INSERT INTO nba_precompute.player_daily_cache
WITH openings AS (
    SELECT season, min(game_date) AS opening_date
    FROM nba_raw.nbac_schedule
    WHERE game_status = 3
    GROUP BY season
),
players AS (
    SELECT c.game_date AS cache_date, c.season, c.team, c.player_id, c.player_name, f.fatigue_score
    FROM nba_analytics.upcoming_player_game_context AS c
    JOIN openings AS o ON o.season = c.season
    LEFT JOIN nba_precompute.player_composite_factors AS f
        ON f.game_date = c.game_date AND f.player_id = c.player_id
    WHERE c.game_date BETWEEN @start_date AND @end_date
        AND c.game_date >= o.opening_date + INTERVAL 7 DAY
),
days AS (
    SELECT DISTINCT cache_date, season, team
    FROM players
),
team_depth AS (
    SELECT d.cache_date, d.team, least(count(DISTINCT s.game_id), 15) AS games_found
    FROM days AS d
    JOIN nba_analytics.player_game_summary AS s
        ON s.season = d.season AND s.team = d.team AND s.game_date < d.cache_date
    GROUP BY d.cache_date, d.team
),
team_pace AS (
    SELECT d.cache_date, d.team, round(avg(t.possessions), 2) AS pace
    FROM days AS d
    JOIN nba_analytics.team_offense_game_summary AS t
        ON t.season = d.season AND t.team = d.team AND t.game_date < d.cache_date
        AND t.game_date >= d.cache_date - INTERVAL 30 DAY
    GROUP BY d.cache_date, d.team
),
games AS (
    SELECT
        p.cache_date, p.season, p.team, p.player_id, p.player_name, p.fatigue_score,
        s.points, s.minutes, s.usage_rate,
        row_number() OVER (PARTITION BY p.cache_date, p.player_id ORDER BY s.game_date DESC) AS recency
    FROM players AS p
    JOIN nba_analytics.player_game_summary AS s
        ON s.player_id = p.player_id AND s.game_date < p.cache_date
        AND s.game_date >= p.cache_date - INTERVAL 30 DAY
),
cached AS (
    SELECT
        cache_date, season, team, player_id, player_name, fatigue_score,
        CAST(count(*) AS INTEGER) AS games_played,
        round(avg(CASE WHEN recency <= 5 THEN points END), 2) AS points_last_5,
        round(avg(CASE WHEN recency <= 10 THEN points END), 2) AS points_last_10,
        round(avg(points), 2) AS points_average,
        round(avg(minutes), 2) AS minutes_average,
        round(avg(usage_rate), 2) AS usage_average
    FROM games
    GROUP BY cache_date, season, team, player_id, player_name, fatigue_score
)
SELECT
    c.cache_date, c.season, c.team, c.player_id, c.player_name, c.games_played,
    c.points_last_5, c.points_last_10, c.points_average, c.minutes_average, c.usage_average,
    t.pace AS team_pace, c.fatigue_score,
    -- 60 at two games found, 69 at eight, 86 at thirteen, 94 at fifteen
    CASE
        WHEN d.games_found <= 8 THEN 57 + 1.5 * d.games_found
        WHEN d.games_found <= 13 THEN 69 + 3.4 * (d.games_found - 8)
        ELSE 86 + 4 * (d.games_found - 13)
    END AS quality_score,
    CAST(CURRENT_TIMESTAMP AS DATETIME) AS processed_at
FROM cached AS c
JOIN team_depth AS d ON d.cache_date = c.cache_date AND d.team = c.team
LEFT JOIN team_pace AS t ON t.cache_date = c.cache_date AND t.team = c.team
ORDER BY c.cache_date, c.team, c.player_id;

COMMIT;
