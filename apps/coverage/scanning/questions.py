"""What the warehouse is asked about a table, and a digest of the rules by which the answer is judged."""

from __future__ import annotations

from hashlib import sha256

from apps.pipeline.definition import Pipeline
from apps.pipeline.sections import Table
from apps.warehouse.base import Question

KEY = "key:"  # before a column that names a row, among those that a reading told of


def question(table: Table) -> Question:
    return Question(
        table=table.name,
        date_column=table.date_column,
        quality_column=table.quality.column if table.quality else None,
        written_column=table.written_column,
        fallback_column=table.fallback_column,
        key_columns=table.key,
        not_null=table.not_null,
    )


def told_columns(table: Table) -> str:
    """The columns of which a partition keeps something."""
    asked = question(table)
    values = (asked.quality_column, asked.written_column, asked.fallback_column)
    return " ".join(filter(None, (*values, *(f"{KEY}{column}" for column in asked.key_columns))))


def digest(pipeline: Pipeline, table: Table) -> str:
    """A digest of everything in the file that decides the states of the table's partitions."""
    needs = [need for need in pipeline.needs if table.name in need.used_by]
    rules = table.rows, table.skip_first_days, table.key, table.date_column, table.after, needs
    other = pipeline.by_name.get(table.compared_with or "")
    return sha256(
        repr((rules, other and other.key, pipeline.seasons, pipeline.timezone)).encode()
    ).hexdigest()


def dated_by(pipeline: Pipeline, table: Table) -> str:
    """What decided on which date a row lies."""
    return f"{table.date_column} in {pipeline.timezone}"


def rules_of(pipeline: Pipeline, table: Table) -> dict[str, str]:
    """The fields of a TableReading that say by which rules of the pipeline file the table is read and judged."""
    return {
        "columns": told_columns(table),
        "rules": digest(pipeline, table),
        "dated_by": dated_by(pipeline, table),
    }


def key_of(columns: str) -> list[str]:
    return [word for word in columns.split() if word.startswith(KEY)]
