BEGIN;
DELETE FROM weekly.trend WHERE day BETWEEN @start_date AND @end_date;
INSERT INTO weekly.trend
SELECT day, 90.0 FROM raw.days WHERE open AND day BETWEEN @start_date AND @end_date;
COMMIT;
