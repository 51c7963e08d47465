DELETE FROM daily.visits WHERE day BETWEEN @start_date AND @end_date;
INSERT INTO daily.visits
SELECT day, item FROM raw.days, UNNEST(GENERATE_ARRAY(0, 7)) AS item WHERE open AND day BETWEEN @start_date AND @end_date;
