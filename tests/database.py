"""Puts the console's database back to what its migrations left: what `flush` does, at a fraction of its time.

`flush` asks every table's name, empties it, and has permissions, groups and schedules made again, for each test.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper


def migrated() -> Path | None:
    """The SQLite file that `bin/test` has migrated, to be copied; None without one, and on another database."""
    file = os.environ.get("TEST_MIGRATED")
    is_asked = settings.DATABASES["default"]["ENGINE"].endswith("sqlite3")
    return Path(file) if file and is_asked else None


class Content(NamedTuple):
    """Of one table: its name as SQL, its columns as SQL, and its rows."""

    table: str
    columns: tuple[str, ...]
    rows: list[tuple]


def read(connection: BaseDatabaseWrapper) -> list[Content]:
    """The content of each of the console's tables."""
    quote = connection.ops.quote_name
    names = connection.introspection.django_table_names(only_existing=True, include_views=False)
    with connection.cursor() as cursor:
        return [content(cursor, quote, name) for name in names]


def content(cursor, quote, name: str) -> Content:
    cursor.execute(f"SELECT * FROM {quote(name)}")
    return Content(quote(name), tuple(quote(column[0]) for column in cursor.description), cursor.fetchall())


def restore(connection: BaseDatabaseWrapper, contents: list[Content]) -> None:
    """Every table holds these rows again, and no others. Keys that point to each other are checked at the end."""
    with transaction.atomic(), connection.cursor() as cursor:
        for table in contents:
            cursor.execute(f"DELETE FROM {table.table}")
        for table in contents:
            if table.rows:
                places = ", ".join(["%s"] * len(table.columns))
                insert = f"INSERT INTO {table.table} ({', '.join(table.columns)}) VALUES ({places})"
                cursor.executemany(insert, table.rows)
