"""Tables in DuckDB, and the metadata that BigQuery keeps of them: partitions with their rows and last writes."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterable

import duckdb

FORMATS = {"HOUR": "%Y%m%d%H", "DAY": "%Y%m%d", "MONTH": "%Y%m", "YEAR": "%Y"}
Name = tuple[str, str]  # dataset and table

BEGINNING = """
CREATE SCHEMA IF NOT EXISTS standin;
CREATE TABLE IF NOT EXISTS standin.partitioning (dataset TEXT, name TEXT, field TEXT, unit TEXT);
CREATE TABLE IF NOT EXISTS standin.prints (
    dataset TEXT, name TEXT, id TEXT, found BIGINT, print HUGEINT, modified_at TIMESTAMPTZ
);
CREATE TABLE IF NOT EXISTS standin.streamed (dataset TEXT, name TEXT, id TEXT, found BIGINT);
-- https://cloud.google.com/bigquery/docs/information-schema-tables
CREATE OR REPLACE VIEW standin.tables AS
    SELECT schema_name AS table_schema, table_name, 'BASE TABLE' AS table_type FROM duckdb_tables()
    UNION ALL
    SELECT schema_name, view_name, 'VIEW' FROM duckdb_views() WHERE NOT internal;
-- https://cloud.google.com/bigquery/docs/information-schema-columns
CREATE OR REPLACE VIEW standin.columns AS
    SELECT schema_name AS table_schema, table_name, column_name, column_index AS ordinal_position,
        CASE WHEN data_type LIKE 'DECIMAL%' THEN 'NUMERIC' WHEN data_type LIKE '%[]' THEN 'ARRAY' ELSE
        CASE data_type WHEN 'BIGINT' THEN 'INT64' WHEN 'INTEGER' THEN 'INT64' WHEN 'DOUBLE' THEN 'FLOAT64'
            WHEN 'VARCHAR' THEN 'STRING' WHEN 'BOOLEAN' THEN 'BOOL' WHEN 'TIMESTAMP' THEN 'DATETIME'
            WHEN 'TIMESTAMP WITH TIME ZONE' THEN 'TIMESTAMP' ELSE data_type END END AS data_type,
        CASE WHEN field IS NULL THEN 'NO' ELSE 'YES' END AS is_partitioning_column
    FROM duckdb_columns() LEFT JOIN standin.partitioning ON dataset = schema_name AND name = table_name
        AND field = column_name;
-- https://cloud.google.com/bigquery/docs/information-schema-partitions; that what is streamed has a time is not said.
CREATE OR REPLACE VIEW standin.partitions AS
    WITH streamed AS (SELECT dataset, name, id, sum(found) AS found FROM standin.streamed GROUP BY ALL)
    SELECT dataset AS table_schema, name AS table_name, id AS partition_id,
        prints.found - coalesce(streamed.found, 0) AS total_rows, 8 * total_rows AS total_logical_bytes,
        modified_at AS last_modified_time, 'ACTIVE' AS storage_tier
    FROM standin.prints LEFT JOIN streamed USING (dataset, name, id)
    WHERE prints.found > coalesce(streamed.found, 0)
    UNION ALL
    SELECT dataset, name, '__UNPARTITIONED__', sum(streamed.found), 8 * sum(streamed.found), NULL, 'ACTIVE'
    FROM streamed JOIN standin.prints USING (dataset, name, id) GROUP BY ALL
    UNION ALL
    SELECT schema_name, table_name, NULL, estimated_size, 8 * estimated_size, now(), 'ACTIVE' FROM duckdb_tables()
    WHERE (schema_name, table_name) NOT IN (SELECT (dataset, name) FROM standin.partitioning);
"""
SURVEY = """
CREATE OR REPLACE TEMP TABLE seen AS
    SELECT coalesce(strftime({field}, '{form}'), '__NULL__') AS id, count(*) AS found,
        sum(hash(CAST(t AS TEXT))::HUGEINT) AS print
    FROM {table} AS t GROUP BY 1;
UPDATE standin.prints AS old SET found = seen.found, print = seen.print, modified_at = '{at}' FROM seen
    WHERE old.dataset = '{dataset}' AND old.name = '{name}' AND old.id = seen.id
    AND (old.found, old.print) IS DISTINCT FROM (seen.found, seen.print);
DELETE FROM standin.prints AS old WHERE old.dataset = '{dataset}' AND old.name = '{name}'
    AND old.id NOT IN (SELECT id FROM seen);
INSERT INTO standin.prints SELECT '{dataset}', '{name}', id, found, print, '{at}' FROM seen
    WHERE id NOT IN (SELECT id FROM standin.prints AS old WHERE old.dataset = '{dataset}' AND old.name = '{name}');
"""


class Store:
    """One database. Cursors are for one thread each; DuckDB keeps their transactions apart."""

    def __init__(self, path: str = ":memory:"):
        self.database = duckdb.connect(path)
        self.database.execute(BEGINNING)
        self.written: dict[Name, dt.datetime] = {}  # since the last survey
        self.last_written: dict[Name, dt.datetime] = {}
        self.lock = threading.Lock()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        cursor = self.database.cursor()
        cursor.execute("SET TimeZone = 'UTC'")
        return cursor

    def ask(self, sql: str, *values: object) -> list[tuple]:
        with self.cursor() as cursor:
            return cursor.execute(sql, list(values) or None).fetchall()

    def has_dataset(self, dataset: str) -> bool:
        return bool(
            self.ask("SELECT 1 FROM duckdb_schemas() WHERE schema_name = ? AND NOT internal", dataset)
        )

    def has(self, dataset: str, table: str) -> bool:
        return bool(
            self.ask("SELECT 1 FROM standin.tables WHERE table_schema = ? AND table_name = ?", dataset, table)
        )

    def columns(self, dataset: str, table: str) -> list[tuple[str, str]]:
        return self.ask(
            "SELECT column_name, data_type FROM duckdb_columns() WHERE schema_name = ? AND table_name = ? "
            "ORDER BY column_index",
            dataset,
            table,
        )

    # Partitions -----------------------------------------------------------------------------------------

    def partitioning(self, dataset: str, table: str) -> tuple[str, str] | None:
        """The column and its unit, where the table is partitioned."""
        sql = "SELECT field, unit FROM standin.partitioning WHERE dataset = ? AND name = ?"
        return next(iter(self.ask(sql, dataset, table)), None)

    def partition(self, dataset: str, table: str, field: str, unit: str) -> None:
        self.ask("DELETE FROM standin.partitioning WHERE dataset = ? AND name = ?", dataset, table)
        self.ask("INSERT INTO standin.partitioning VALUES (?, ?, ?, ?)", dataset, table, field, unit)

    def note_write(self, tables: Iterable[Name]) -> None:
        now = dt.datetime.now(dt.UTC)
        with self.lock:
            self.written.update(dict.fromkeys(tables, now))
            self.last_written.update(dict.fromkeys(tables, now))

    def survey(self) -> None:
        """Brings the partitions up to date with what was written since."""
        with self.lock:
            for (dataset, name), at in self.written.items():
                if found := self.partitioning(dataset, name):
                    field, unit = found
                    table = f'"{dataset}"."{name}"'
                    form = FORMATS[unit]
                    self.ask(
                        SURVEY.format(
                            field=f'"{field}"', form=form, table=table, dataset=dataset, name=name, at=at
                        )
                    )
            self.written.clear()

    def stream(self, dataset: str, table: str, rows: list[dict]) -> None:
        """Rows of which the partitions do not know yet."""
        field, unit = self.partitioning(dataset, table) or ("", "DAY")
        for row in rows:
            named = ", ".join(f'"{column}"' for column in row)
            places = ", ".join("?" for _ in row)
            self.ask(f'INSERT INTO "{dataset}"."{table}" ({named}) VALUES ({places})', *row.values())
            if field:
                day = dt.date.fromisoformat(row[field][:10])
                self.ask(
                    "INSERT INTO standin.streamed VALUES (?, ?, ?, 1)",
                    dataset,
                    table,
                    day.strftime(FORMATS[unit]),
                )
        self.note_write([(dataset, table)])

    def touch(self, dataset: str, table: str, partition: str, at: dt.datetime) -> None:
        """As if the partition had been written at that moment."""
        self.survey()
        sql = "UPDATE standin.prints SET modified_at = ? WHERE dataset = ? AND name = ? AND id = ?"
        self.ask(sql, at, dataset, table, partition)
