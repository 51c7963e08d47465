"""What a statement reads, in bytes: the size of the columns it names, in the partitions that its conditions leave.

https://cloud.google.com/bigquery/pricing: at least 10 MB of each table, then by the megabyte.
https://cloud.google.com/bigquery/docs/querying-partitioned-tables: only conditions that compare the bare column with
constants leave partitions out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlglot import exp

from tests.standins.bigquery.store import Store
from tests.standins.bigquery.translation import Statement, for_duckdb

MEGABYTE = 1024 * 1024
LEAST = 10 * MEGABYTE
COMPARISONS = (exp.GTE, exp.GT, exp.LTE, exp.LT, exp.EQ, exp.Between)
SIZES = {"BOOLEAN": 1, "VARCHAR": 10}


def processed(statement: Statement, store: Store, values: Mapping[str, Any]) -> dict[str, int]:
    """The bytes of each table."""
    found: dict[str, int] = {f"{dataset}.INFORMATION_SCHEMA": LEAST for dataset in statement.views}
    for select in statement.tree.find_all(exp.Select, exp.Delete, exp.Update):
        for table in named_in(select):
            if (table.db, table.name) in statement.reads | statement.writes:
                name = f"{table.db}.{table.name}"
                found[name] = found.get(name, 0) + read(select, table, store, values)
    return found


def billed(found: Mapping[str, int]) -> int:
    return sum(max(LEAST, -(-size // MEGABYTE) * MEGABYTE) for size in found.values())


def named_in(select: exp.Expression) -> list[exp.Table]:
    if not isinstance(select, exp.Select):
        return [select.this] if isinstance(select.this, exp.Table) else []
    sources = [select.args.get("from_"), *(select.args.get("joins") or ())]
    return [source.this for source in sources if source and isinstance(source.this, exp.Table)]


def read(select: exp.Expression, table: exp.Table, store: Store, values: Mapping[str, Any]) -> int:
    columns = dict(store.columns(table.db, table.name))
    named = {column.name for column in select.find_all(exp.Column)} & set(columns)
    if select.find(exp.Star) and not select.find(exp.Count):
        named = set(columns)
    size = sum(SIZES.get(columns[name], 8) for name in named)
    return size * rows_left(select, table, store, values)


def rows_left(select: exp.Expression, table: exp.Table, store: Store, values: Mapping[str, Any]) -> int:
    partitioning = store.partitioning(table.db, table.name)
    kept = list(bounds(select, partitioning[0])) if partitioning else []
    where = " AND ".join(for_duckdb(each) for each in kept) or "true"
    given = {each.name: values[each.name] for bound in kept for each in bound.find_all(exp.Parameter)}
    alias = f'AS "{table.alias}"' if table.alias else ""
    sql = f'SELECT count(*) FROM "{table.db}"."{table.name}" {alias} WHERE {where}'
    with store.cursor() as cursor:
        found = cursor.execute(sql, given or None).fetchone()
    return found[0] if found else 0


def bounds(select: exp.Expression, column: str) -> Iterable[exp.Expression]:
    where = select.args.get("where")
    for condition in (
        where.this.flatten() if where and isinstance(where.this, exp.And) else [where and where.this]
    ):
        if isinstance(condition, COMPARISONS) and is_column(condition.this, column):
            yield condition


def is_column(found: exp.Expression | None, name: str) -> bool:
    return isinstance(found, exp.Column) and found.name == name
