"""Whether DuckDB can run the scripts of SQL jobs: `manage.py check` translates them, without a query."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.checks import CheckMessage, Error, register

from apps.pipeline import definition
from apps.pipeline.definition import Pipeline
from apps.pipeline.sections import DuckDB
from apps.warehouse.base import QueryFailed


@register("pipeline")
def scripts(**kwargs: Any) -> list[CheckMessage]:
    try:
        pipeline = definition.current()
    except definition.PipelineError:
        return []  # another check says what is wrong with the file
    return [Error(says, id="runs.E001") for says in not_translated(pipeline)]


def not_translated(pipeline: Pipeline) -> Iterator[str]:
    """Sentences about scripts in BigQuery's SQL that DuckDB cannot run."""
    if not isinstance(pipeline.warehouse, DuckDB):
        return
    from apps.warehouse import duckdb  # slow to import

    for table in pipeline.filled:
        # Another check reports missing scripts.
        if table.job and table.job.sql and (path := pipeline.inside(table.job.sql)).is_file():
            try:
                duckdb.check(path.read_text(encoding="utf-8"))
            except (QueryFailed, OSError, UnicodeDecodeError) as error:
                yield f'{path}, the job of table "{table.name}": {error}.'
