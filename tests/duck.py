"""A DuckDB file that one process at a time may hold: who wants it waits, as all of its users do.

To start a DuckDB takes thirty times longer than to attach a file, so one is started per process, and files come and go.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import _duckdb as duckdb

PATIENCE = 30.0


@cache
def host() -> duckdb.DuckDBPyConnection:
    """This process's DuckDB, in memory. It has no threads of its own, so a fork of the process may use it too."""
    return duckdb.connect(config={"threads": 1, "async_threads": 0})


@contextmanager
def opened(path: Path, *, read_only: bool = False) -> Iterator[Attached]:
    """A connection, to be closed soon; `duckdb.IOException` where others kept the file for half a minute."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            connection = Attached(path, read_only=read_only)
            break
        except (duckdb.IOException, duckdb.BinderException) as error:
            is_held = any(
                words in str(error) for words in ("Could not set lock", "already attached", "already exists")
            )
            if not is_held or time.monotonic() > deadline:
                raise
        time.sleep(0.02)
    with connection:
        yield connection


def connect(database: object = ":memory:", *, read_only: bool = False, **_: object) -> Any:
    """Stands for `duckdb.connect` in a forked job."""
    if str(database) == ":memory:":
        return host().cursor()
    return Attached(Path(str(database)), read_only=read_only)


class Attached:
    """A connection whose database is the file, which it holds until it is closed. It is named after the file."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.name = f'"{path.stem}"'
        self.cursor = host().cursor()
        mode = "READ_ONLY" if read_only else "READ_WRITE"
        quoted = str(path).replace("'", "''")
        self.cursor.execute(f"ATTACH '{quoted}' AS {self.name} (TYPE duckdb, {mode}); USE {self.name}.main")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.cursor, name)

    def __enter__(self) -> Attached:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.cursor.close()  # what was not committed is rolled back
        host().execute(f"DETACH DATABASE IF EXISTS {self.name}")
