-- One statement, so that a server which gives scripts of several no parameters performs it too.
MERGE daily.sales AS old
USING (SELECT day, item FROM raw.orders WHERE day BETWEEN @start_date AND @end_date) AS new
ON FALSE
WHEN NOT MATCHED BY SOURCE AND old.day BETWEEN @start_date AND @end_date THEN DELETE
WHEN NOT MATCHED THEN INSERT (day, item) VALUES (new.day, new.item);
