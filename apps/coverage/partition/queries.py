"""The SQL of a scan's question about one date, for a person to ask the warehouse again."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from apps.coverage.scanning.questions import question
from apps.pipeline.definition import Pipeline
from apps.pipeline.sections import BigQuery, Table
from apps.warehouse.sql import bigquery_sql, duckdb_sql


def count_of_date(pipeline: Pipeline, table: Table, date: dt.date) -> str:
    """A query that answers what a scan would count of the table on the date, made of the same pieces."""
    asked = replace(question(table), timezone=pipeline.timezone)
    engine = pipeline.warehouse
    if isinstance(engine, BigQuery):
        return bigquery_sql.count_of_date(asked, date)
    return duckdb_sql.count_of_date(asked, date, path=pipeline.inside(engine.path))
