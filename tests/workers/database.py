"""The database of a served console, which is not the tests' own: made as a copy, asked from outside."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path

import psycopg


@dataclass(frozen=True)
class Sqlite:
    path: Path

    @property
    def url(self) -> str:
        return f"sqlite:///{self.path}"

    def create(self, template: Sqlite | None = None) -> None:
        if template:
            shutil.copy(template.path, self.path)

    def drop(self) -> None:
        """It goes with its folder."""

    def ask(self, sql: str, *parameters: object) -> list[tuple]:
        with contextlib.closing(sqlite3.connect(self.path, timeout=20)) as connection, connection:
            return connection.execute(sql, parameters).fetchall()


@dataclass(frozen=True)
class Postgres:
    """`server` is the address of any database there."""

    server: str
    name: str

    @property
    def url(self) -> str:
        return f"{self.server.rpartition('/')[0]}/{self.name}"

    def create(self, template: Postgres | None = None) -> None:
        self._command(f'CREATE DATABASE "{self.name}"' + (f' TEMPLATE "{template.name}"' if template else ""))

    def drop(self) -> None:
        self._command(f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')

    def ask(self, sql: str, *parameters: object) -> list[tuple]:
        with psycopg.connect(self.url) as connection:
            cursor = connection.execute(sql.replace("?", "%s"), parameters or None)
            return cursor.fetchall() if cursor.description else []

    def _command(self, sql: str) -> None:
        with psycopg.connect(self.server, autocommit=True) as connection:
            connection.execute(sql)


Database = Sqlite | Postgres


def database_of(folder: Path) -> Database:
    """The database that a console with this VAR_DIR uses, of the kind that the tests run on."""
    url = os.environ["DATABASE_URL"]
    if url.startswith("sqlite:"):
        return Sqlite(folder / "console.sqlite3")
    return Postgres(url, f"served_{hashlib.sha256(str(folder).encode()).hexdigest()[:16]}")
