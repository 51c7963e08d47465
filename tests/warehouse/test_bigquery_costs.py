"""What a script bills at least and at most, and which of its statements count against a table's limits."""

import pytest

from apps.warehouse.bigquery import costs

MEGABYTE = costs.MEGABYTE


@pytest.mark.parametrize(
    ("sql", "read", "least", "most"),
    [
        ("SELECT * FROM a.b", 1, 10, 10),
        ("SELECT * FROM a.b", 12 * MEGABYTE + 1, 13, 13),
        ("SELECT * FROM a.b JOIN a.c USING (d)", 25 * MEGABYTE, 25, 35),
        ("INSERT INTO a.b SELECT * FROM a.c", 0, 10, 10),
        ("INSERT INTO a.b VALUES (1)", 0, 0, 0),
        ("DELETE FROM a.b WHERE c = 1", 0, 0, 10),
        ("MERGE a.b USING a.c ON b.d = c.d WHEN MATCHED THEN DELETE", 0, 20, 20),
        (
            "BEGIN TRANSACTION; DELETE FROM a.b WHERE true; INSERT INTO a.b SELECT 1; COMMIT TRANSACTION",
            0,
            0,
            10,
        ),
        ("WITH x AS (SELECT * FROM a.b) SELECT * FROM x", 0, 10, 10),
        ("DECLARE n INT64; WHILE n < 3 DO SELECT * FROM a.b; END WHILE", 0, 0, 10),
    ],
)
def test_at_least_ten_megabytes_of_each_table_are_billed(sql, read, least, most):
    """https://cloud.google.com/bigquery/pricing"""
    assert costs.billed(sql, read) == (least * MEGABYTE, most * MEGABYTE)


@pytest.mark.parametrize(
    ("sql", "counted"),
    [
        ("DELETE FROM a.b WHERE true; INSERT INTO a.b SELECT 1", 0),
        ("LOAD DATA OVERWRITE a.b FROM FILES (format = 'CSV', uris = ['gs://c/d'])", 1),
        ("CREATE OR REPLACE TABLE a.b AS SELECT 1", 1),
        ("CREATE TEMP TABLE b AS SELECT 1", 0),
        ("CREATE TABLE a.c AS SELECT 1", 0),
        ("CREATE TABLE IF NOT EXISTS a.b (c INT64)", 0),
        ("CREATE TABLE `a.b` COPY a.c", 1),
    ],
)
def test_dml_does_not_count_against_a_tables_limits(sql, counted):
    """https://cloud.google.com/bigquery/quotas#partitioned_tables"""
    assert costs.writes_against_quota(sql, "a.b") == counted
