"""A DuckDB file that one process at a time may hold: who wants it waits, as all of its users do."""

from __future__ import annotations

import time
from pathlib import Path

import duckdb

PATIENCE = 30.0


def opened(path: Path, *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """A connection, to be closed soon; `duckdb.IOException` where others kept the file for half a minute."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return duckdb.connect(str(path), read_only=read_only)
        except duckdb.IOException as error:
            if "lock" not in str(error) or time.monotonic() > deadline:
                raise
        time.sleep(0.02)
