"""Scripts in BigQuery's SQL as statements that DuckDB performs, and what they read and write."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from tests.standins.bigquery.refusals import Refusal, no_dataset, no_table
from tests.standins.bigquery.store import Name, Store

UNITS = re.compile(r"\b(HOUR|MONTH|YEAR)\b")
SCHEMA = "INFORMATION_SCHEMA."
ROWS = (exp.Select, exp.Union, exp.Subquery)


@dataclass
class Statement:
    """One statement: what DuckDB is told, its parameters, the tables it is about, and its kind."""

    sql: str
    kind: str
    tree: exp.Expression
    parameters: set[str] = field(default_factory=set)
    reads: set[Name] = field(default_factory=set)
    views: set[str] = field(default_factory=set)
    writes: set[Name] = field(default_factory=set)
    partitions: tuple[str, str] | None = None

    @property
    def answers(self) -> bool:
        return isinstance(self.tree, ROWS)

    @property
    def target(self) -> Name:
        return next(iter(self.writes))


def translate(sql: str, store: Store, project: str) -> list[Statement]:
    """All statements; refused where one cannot be read. Names are looked up when a statement's turn comes."""
    try:
        trees = [tree for tree in sqlglot.parse(sql, read="bigquery") if tree]
    except SqlglotError as error:
        raise Refusal("invalidQuery", f"Syntax error: {str(error).splitlines()[0]}") from error
    return [statement(tree) for tree in trees]


def statement(tree: exp.Expression) -> Statement:
    kind = kind_of(tree)
    if kind in ("BEGIN", "COMMIT", "ROLLBACK"):
        return Statement(kind, kind, tree)
    if isinstance(tree, exp.Delete) and not tree.args.get("where"):
        # https://cloud.google.com/bigquery/docs/reference/standard-sql/dml-syntax#delete_statement
        raise Refusal("invalidQuery", "DELETE must have a WHERE clause at [1:1]")
    found = Statement("", kind, tree)
    found.parameters = {each.name for each in tree.find_all(exp.Parameter)}
    written = target(tree)
    for table in list(tables(tree)):
        if table.name.startswith(SCHEMA):
            found.views.add(table.db)
        else:
            (found.writes if table is written else found.reads).add((table.db, table.name))
    found.partitions = partitioned_by(tree)
    return found


def kind_of(tree: exp.Expression) -> str:
    if isinstance(tree, exp.Command) and tree.name.upper() in ("BEGIN", "COMMIT", "ROLLBACK"):
        return tree.name.upper()
    names = {
        exp.Transaction: "BEGIN",
        exp.Select: "SELECT",
        exp.Union: "SELECT",
        exp.TruncateTable: "TRUNCATE_TABLE",
    }
    return names.get(type(tree), type(tree).__name__.upper())


def target(tree: exp.Expression) -> exp.Table | None:
    if isinstance(tree, (exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Create, exp.Drop)):
        return (tree.this or tree).find(exp.Table)
    return tree.find(exp.Table) if isinstance(tree, exp.TruncateTable) else None


def tables(tree: exp.Expression) -> Iterator[exp.Table]:
    named = {cte.alias for cte in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        if table.name and (table.db or table.name not in named):  # CREATE SCHEMA names no table
            yield table


def partitioned_by(tree: exp.Expression) -> tuple[str, str] | None:
    """The column of PARTITION BY and its unit; the clause is taken out, as DuckDB has none."""
    for extra in [*tree.find_all(exp.PartitionedByProperty, exp.Cluster)]:
        if isinstance(extra, exp.PartitionedByProperty):
            column = extra.find(exp.Column)
            name = column.name if column else extra.this.name
            unit = UNITS.search(extra.this.sql("bigquery").upper())
            extra.pop()
            return name, unit[1] if unit else "DAY"
    return None


# For DuckDB -----------------------------------------------------------------------------------------


def look_up(statement: Statement, store: Store, project: str) -> None:
    """Refused where a table or dataset is not there."""
    for dataset in {*statement.views, *(dataset for dataset, _ in statement.reads | statement.writes)}:
        if dataset and not store.has_dataset(dataset):
            raise no_dataset(project, dataset)
    made = statement.writes if statement.kind in ("CREATE", "DROP") else set()
    for dataset, table in (statement.reads | statement.writes) - made:
        if not store.has(dataset, table):
            raise no_table(project, dataset, table)


def for_duckdb(tree: exp.Expression) -> str:
    own = tree.copy()
    for table in list(tables(own)):
        if table.name.startswith(SCHEMA):
            view = table.name.removeprefix(SCHEMA).lower()
            table.replace(metadata(view, table.db, table.alias or view))
        else:
            table.set("catalog", None)
    for within in list(own.find_all(exp.In)):
        if unnest := within.args.get("unnest"):
            query = exp.select(exp.Unnest(expressions=unnest.expressions)).subquery()
            within.replace(exp.In(this=within.this, query=query))
    return own.sql("duckdb")


def metadata(view: str, dataset: str, alias: str) -> exp.Expression:
    chosen = exp.select("*").from_(f"standin.{view}").where(exp.column("table_schema").eq(dataset))
    return chosen.subquery(alias)
