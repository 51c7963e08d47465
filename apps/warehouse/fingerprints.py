"""Fingerprints of tables' contents, to see whether a dry run wrote anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

MOST_ROWS = 20_000_000  # whose contents DuckDB reads within a second or two
# Of a DuckDB file, with the rows as far as its statistics know them.
TABLES = "SELECT schema_name, table_name, estimated_size FROM duckdb_tables() WHERE database_name = ? AND NOT internal"


@dataclass(frozen=True)
class Fingerprints:
    """A text for each table, which is another one as soon as the table is; `compared` says what it goes by."""

    by_table: Mapping[str, str] = field(default_factory=dict)
    compared: str = ""

    def changed(self, before: Fingerprints) -> list[str]:
        """The tables that are not what they were, came or went."""
        names = self.by_table.keys() | before.by_table.keys()
        return sorted(name for name in names if self.by_table.get(name) != before.by_table.get(name))


def of_rows(tables: Sequence[tuple[str, str]], *, contents: bool) -> str:
    """A query with a line for each table, by schema and name: its rows, and with `contents` a sum over their hashes."""
    return " UNION ALL ".join(
        f"SELECT '{escaped(schema)}.{escaped(name)}', count(*), {'sum(hash(t))' if contents else 'NULL'} "
        f"FROM {identifier(schema)}.{identifier(name)} AS t"
        for schema, name in tables
    )


def escaped(text: str) -> str:
    return text.replace("'", "''")


def identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
