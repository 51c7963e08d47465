"""Opens the warehouse that the pipeline file names."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext

from apps.pipeline.definition import Pipeline
from apps.pipeline.sections import BigQuery
from apps.warehouse.base import NO_LABELS, TakesTurns, Warehouse


def open_warehouse(pipeline: Pipeline, labels: Mapping[str, str] = NO_LABELS) -> Warehouse:
    """The engine that the pipeline file names; labels are for what it is asked, where an engine keeps them."""
    engine = pipeline.warehouse  # web processes never pay for the imports
    if isinstance(engine, BigQuery):
        from apps.warehouse.bigquery.client import BigQueryWarehouse

        return BigQueryWarehouse(
            engine.project,
            engine.location,
            byte_limit=engine.byte_limit,
            impersonate=engine.impersonate,
            labels=labels,
            timezone=pipeline.timezone,
        )
    from apps.warehouse.duckdb import DuckDBWarehouse

    return DuckDBWarehouse(pipeline.inside(engine.path), timezone=pipeline.timezone)


def turn_of_reader(warehouse: Warehouse, *, patience: float) -> AbstractContextManager[None]:
    """Several looks without a call of a run in between, where the warehouse is one that takes turns."""
    return warehouse.turn_of_reader(patience=patience) if isinstance(warehouse, TakesTurns) else nullcontext()
