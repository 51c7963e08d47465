"""What a scan of the shop as it opened leaves in the console's database, made once and copied for each test.

A copy takes some milliseconds, a scan a hundred.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import NamedTuple

import _duckdb as duckdb
from django.apps import apps
from django.core.management.color import no_style
from django.db import connection, models, transaction
from django.utils import timezone

from apps.coverage.models import Scan
from apps.coverage.scanning import full_scan
from apps.pipeline import definition
from apps.pipeline.definition import Pipeline
from apps.warehouse.base import Warehouse
from apps.warehouse.duckdb import DuckDBWarehouse
from tests import duck


class Rows(NamedTuple):
    """Of one table: the statement that inserts a row, the rows, and which columns hold moments."""

    insert: str
    rows: list[list[object]]
    moments: tuple[int, ...]


class Scanned(NamedTuple):
    """The shop's warehouse file as it was scanned, when the scan had ended, and what it left."""

    file: Path
    at: dt.datetime
    tables: list[Rows]

    def fits(self, pipeline: Pipeline, warehouse: Warehouse) -> bool:
        """Whether a scan would find the same, and nothing was stored before."""
        return (
            type(warehouse) is DuckDBWarehouse
            and pipeline is definition.current()
            and pipeline.path.read_bytes() == self.file.with_name(pipeline.path.name).read_bytes()
            and warehouse.path.name == self.file.name
            and warehouse.path.is_file()
            and stamp(warehouse.path) == stamp(self.file)
            and not any(model._default_manager.exists() for model in stored_models())
            and is_free(warehouse.path)
        )

    def store(self) -> Scan:
        """Stores the same, as if the scan had been made now."""
        later = timezone.now() - self.at
        adapt = connection.ops.adapt_datetimefield_value
        with transaction.atomic(), connection.cursor() as cursor:
            for insert, rows, moments in self.tables:
                moved = [list(row) for row in rows]
                for row in moved:
                    for place in moments:
                        row[place] = row[place] and adapt(row[place] + later)
                cursor.executemany(insert, moved)
            # The rows brought numbers of their own, of which the sequences of PostgreSQL know nothing.
            for statement in connection.ops.sequence_reset_sql(no_style(), stored_models()):
                cursor.execute(statement)
        return Scan.objects.get()


def stamp(file: Path) -> tuple[int, int]:
    """What tells a file from one that was written to."""
    found = file.stat()
    return found.st_size, found.st_mtime_ns


def is_free(file: Path) -> bool:
    """Whether nobody else holds the file."""
    try:
        duck.Attached(file, read_only=True).close()
    except duckdb.Error:
        return False
    return True


def scan_once(file: Path, pipeline: Pipeline) -> Scanned:
    """Scans the file, reads what was stored, and takes it back."""
    with transaction.atomic():
        before = {model: model._default_manager.count() for model in stored_models()}
        full_scan.scan(pipeline, DuckDBWarehouse(file), Scan.objects.create())
        tables = [
            rows_of(model) for model, count in before.items() if model._default_manager.count() != count
        ]
        transaction.set_rollback(True)
    return Scanned(file, timezone.now(), tables)


def stored_models() -> list[type[models.Model]]:
    """All that tell of a warehouse."""
    return list(apps.get_app_config("coverage").get_models())


def rows_of(model: type[models.Model]) -> Rows:
    fields = model._meta.concrete_fields
    moments = tuple(place for place, field in enumerate(fields) if isinstance(field, models.DateTimeField))
    quote = connection.ops.quote_name
    columns = ", ".join(quote(field.column) for field in fields)
    places = ", ".join(["%s"] * len(fields))
    insert = f"INSERT INTO {quote(model._meta.db_table)} ({columns}) VALUES ({places})"
    found = model._default_manager.order_by("pk").values_list(*(field.attname for field in fields))
    rows = [[prepared(*pair) for pair in zip(fields, row, strict=True)] for row in found]
    return Rows(insert, rows, moments)


def prepared(field: models.Field, value: object) -> object:
    """A value as the database takes it; moments stay what they are, to be moved."""
    return value if isinstance(field, models.DateTimeField) else field.get_db_prep_save(value, connection)
