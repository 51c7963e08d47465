"""The contract's tables, in BigQuery's SQL."""

from __future__ import annotations

TABLES = (
    "CREATE SCHEMA shop",
    "CREATE TABLE shop.sales (day DATE, item INT64)",
    "INSERT INTO shop.sales VALUES (DATE '2024-01-01', 0), (DATE '2024-01-01', 1), (DATE '2024-01-02', 0), "
    "(DATE '2024-01-02', 1), (DATE '2024-01-02', 2), (NULL, 1)",
    "CREATE TABLE shop.scores (moment DATETIME, score NUMERIC, made DATETIME, spare BOOL)",
    "INSERT INTO shop.scores VALUES "
    "(DATETIME '2024-01-01 23:59:59', 70, DATETIME '2024-01-02 12:30:00', TRUE), "
    "(DATETIME '2024-01-01 00:00:00', 80, DATETIME '2024-01-02 11:00:00', FALSE)",
    "CREATE TABLE shop.history (who STRING, day DATE, status STRING, begun DATETIME, seconds FLOAT64, said STRING)",
    "INSERT INTO shop.history VALUES "
    "('sales', DATE '2024-01-01', 'failed', DATETIME '2024-01-02 06:00:00', 2, 'quota'), "
    "('sales', DATE '2024-01-01', 'success', DATETIME '2024-01-02 07:00:00', 9, NULL), "
    "('sales', DATE '2024-01-03', 'failed', DATETIME '2024-01-04 06:30:00', 1.5, 'overflow')",
    "CREATE TABLE shop.words (day STRING)",
    "INSERT INTO shop.words VALUES ('yesterday')",
)
THOUSAND = "UNNEST(GENERATE_ARRAY(1, 1000))"
ENDLESS = (
    "INSERT INTO shop.sales SELECT NULL, COUNT(*) "
    f"FROM {THOUSAND} AS a, {THOUSAND} AS b, {THOUSAND} AS c, {THOUSAND} AS d, {THOUSAND} AS e"
)
