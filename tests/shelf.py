"""A warehouse of many writers for tests: a folder of CSV files, one a partition, standing where BigQuery would.

`<shelf>/shop.sales/2024-01-01.csv` holds the table's rows of that date, `columns` beside it their names and types.
A file is written elsewhere and renamed into its place: who reads sees all of it or nothing, and writers never wait for
each other. It answers as DuckDB does, which looks at the files as they are now.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import duckdb

from apps.warehouse.base import Interrupted, QueryFailed, Question, Reading, Unreachable
from apps.warehouse.duckdb import DuckDBWarehouse, first_line, host, turn
from apps.warehouse.sql.duckdb_sql import FILE

UNDATED = "undated"


class Shelf(DuckDBWarehouse):
    """Asks like DuckDB, but instead of one file it opens a view of each table's files; of `only` some dates'."""

    def __init__(self, path: Path, *, only: Collection[dt.date] | None = None):
        super().__init__(path)
        self.only = only

    def count(
        self,
        questions: Sequence[Question],
        *,
        start: dt.date | None = None,
        end: dt.date | None = None,
        dates: Collection[dt.date] | None = None,
    ) -> Reading:
        some = dates is not None and not any(each.whole or each.undated for each in questions)
        if some and self.only is None:  # else it would read every file that there is
            return Shelf(self.path, only=dates).count(questions, dates=dates)
        return super().count(questions, start=start, end=end, dates=dates)

    def turn_of_call(self, who: str, *, owner: str, stopped: object) -> AbstractContextManager[None]:
        return nullcontext()

    def require_file(self) -> None:
        if not self.path.is_dir():
            raise Unreachable(f"the shelf {self.path} does not exist")

    def files_of(self, place: Path) -> list[Path]:
        if self.only is None:
            return sorted(place.glob("*.csv"))
        return [path for date in sorted(self.only) if (path := place / f"{date}.csv").exists()]

    @contextmanager
    def opened(self, *, read_only: bool = True) -> Iterator[duckdb.DuckDBPyConnection]:
        self.require_file()
        with turn(self.patience):
            connection = host().cursor()
            try:
                connection.execute(f"ATTACH ':memory:' AS {FILE}; USE {FILE}; SET TimeZone = 'UTC'")
                for place in sorted(path.parent for path in self.path.glob("*/columns")):
                    show(connection, place, self.files_of(place), "VIEW" if read_only else "TABLE")
                yield connection
                if not read_only:
                    keep(connection, self.path)
            except duckdb.InterruptException as error:
                raise Interrupted("the statement was ended before its end") from error
            except duckdb.Error as error:
                raise QueryFailed(first_line(error)) from error
            finally:
                connection.close()
                host().execute(f"DETACH DATABASE IF EXISTS {FILE}")


# Reading ------------------------------------------------------------------------------------------


def show(connection: duckdb.DuckDBPyConnection, place: Path, files: Sequence[Path], kind: str) -> None:
    """A table of the shelf under its name: as a view, or as a table that a script may write."""
    schema, _, name = place.name.rpartition(".")
    connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
    if files:
        connection.execute(f'CREATE {kind} "{schema}"."{name}" AS {every_row(files, columns(place))}')
    else:
        connection.execute(f'CREATE TABLE "{schema}"."{name}" ({", ".join(columns(place))})')


def every_row(files: Sequence[Path], named: Sequence[str]) -> str:
    types = ", ".join("{}: '{}'".format(*column.rsplit(" ", 1)) for column in named)
    paths = ", ".join(f"'{path}'" for path in files)
    return f"SELECT * FROM read_csv([{paths}], header = false, auto_detect = false, columns = {{{types}}})"


def columns(place: Path) -> list[str]:
    """Such as `"day" DATE`."""
    return (place / "columns").read_text().splitlines()


def rows_a_date(folder: Path, table: str) -> dict[str, int]:
    """What is there, without asking anybody."""
    files = (folder / table).glob("*.csv")
    return {path.stem: len(path.read_text().splitlines()) for path in files}


# Writing ------------------------------------------------------------------------------------------


def make(folder: Path, table: str, *named: str) -> None:
    """An empty table, with its columns as SQL has them; the first one says the date."""
    place = folder / table
    place.mkdir(parents=True, exist_ok=True)
    (place / "columns").write_text("\n".join(named))


def put(folder: Path, table: str, date: str, lines: Sequence[str]) -> None:
    """Has these rows, and no others, for the date."""
    path = folder / table / f"{date}.csv"
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_text("".join(f"{line}\n" for line in lines))
    draft.replace(path)


def keep(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Writes back what a script made of the tables."""
    tables = connection.execute("SELECT schema_name, table_name FROM duckdb_tables()").fetchall()
    for schema, name in tables:
        described = connection.execute(f'DESCRIBE "{schema}"."{name}"').fetchall()
        make(folder, f"{schema}.{name}", *(f'"{column}" {kind}' for column, kind, *_ in described))
        keep_rows(connection, folder, f"{schema}.{name}", [column for column, *_ in described])


def keep_rows(connection: duckdb.DuckDBPyConnection, folder: Path, table: str, named: Sequence[str]) -> None:
    day, line = f'TRY_CAST("{named[0]}" AS DATE)', ", ".join(f'CAST("{name}" AS VARCHAR)' for name in named)
    where = ".".join(f'"{part}"' for part in table.split("."))
    found: dict[str, list[str]] = {path.stem: [] for path in (folder / table).glob("*.csv")}
    for date, *values in connection.execute(f"SELECT {day}, {line} FROM {where}").fetchall():
        found.setdefault(str(date or UNDATED), []).append(",".join(value or "" for value in values))
    for date, lines in found.items():
        put(folder, table, date, lines)
