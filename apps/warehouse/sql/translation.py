"""Scripts in BigQuery's SQL as DuckDB performs them, so that one script serves both."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from functools import lru_cache

import sqlglot
from sqlglot import ErrorLevel, exp
from sqlglot.errors import SqlglotError

from apps.warehouse.base import QueryFailed

FILLED = {"start_date", "end_date"}
STATEMENTS = (
    exp.Query,
    exp.Insert,
    exp.Update,
    exp.Delete,
    exp.Merge,
    exp.TruncateTable,
    exp.Create,
    exp.Alter,
    exp.Drop,
    exp.Transaction,
    exp.Commit,
    exp.Rollback,
)
# https://cloud.google.com/bigquery/docs/querying-partitioned-tables and /querying-wildcard-tables
PSEUDO_COLUMNS = {"_PARTITIONTIME", "_PARTITIONDATE", "_TABLE_SUFFIX", "_FILE_NAME"}

logging.getLogger("sqlglot").setLevel(logging.ERROR)  # what it warns of is an error here, or harmless


class NoLike(QueryFailed):
    def __init__(self, why: str):
        super().__init__(f"the script cannot be translated for DuckDB: {why}")


@lru_cache(maxsize=200)
def for_duckdb(sql: str) -> tuple[str, ...]:
    """The script's statements; QueryFailed with the place where one cannot be read or has no like in DuckDB."""
    try:
        trees = [tree for tree in sqlglot.parse(sql, read="bigquery") if tree]
        for tree in trees:
            refuse_foreign(tree)
            refuse_unknown(tree)
            use_our_clock(tree)
        return tuple(tree.sql("duckdb", unsupported_level=ErrorLevel.RAISE, comments=False) for tree in trees)
    except SqlglotError as error:
        raise NoLike(message_of(error)) from error


# What sqlglot would pass on unchanged, and DuckDB does not have ----------------------------------


def refuse_foreign(tree: exp.Expr) -> None:
    """Raises NoLike for statements, columns and tables that only BigQuery has."""
    begins = isinstance(tree, exp.Command) and tree.name.upper() == "BEGIN"
    if not (begins or isinstance(tree, STATEMENTS)):
        raise NoLike(f"it has no statement {first_word(tree)}")
    for column in tree.find_all(exp.Column):
        if column.name.upper() in PSEUDO_COLUMNS:
            raise NoLike(f"it has no column {column.name}")
    for table in tree.find_all(exp.Table):
        if table.name.endswith("*"):
            raise NoLike(f"it has no tables with a wildcard, {table.name}")


def first_word(tree: exp.Expr) -> str:
    return re.split(r"\W", tree.sql("bigquery"), maxsplit=1)[0].upper()


def refuse_unknown(tree: exp.Expr) -> None:
    """Raises for functions that are unknown or only in BigQuery, and for parameters that are not filled."""
    if function := tree.find(exp.Anonymous):
        raise NoLike(f"it has no function {function.name}")
    if namespaced := tree.find(exp.NetFunc, exp.SafeFunc):
        raise NoLike(f"it has no function {head(namespaced)}")
    for parameter in tree.find_all(exp.Parameter):
        name = parameter.name
        if name.lower() not in FILLED:
            raise QueryFailed(f"the script's @{name} is not known; @start_date and @end_date are filled")
        parameter.this.replace(exp.var(name.lower()))


def use_our_clock(tree: exp.Expr) -> None:
    """DuckDB has no CURRENT_DATETIME; its connections here are in UTC."""
    for each in list(tree.find_all(exp.CurrentDatetime)):
        if each.name not in ("", "UTC"):
            raise QueryFailed(
                f"the script asks for the time in {each.name}; on DuckDB it is told in UTC alone"
            )
        each.replace(exp.cast(exp.CurrentTimestamp(), exp.DataType.Type.TIMESTAMP))


# What a translated statement says ----------------------------------------------------------------------


def functions(statement: str) -> Iterator[str]:
    """The names that it calls as functions, in small letters; words of the language like CAST among them."""
    for function in sqlglot.parse_one(statement, read="duckdb").find_all(exp.Func):
        if name := re.match(r"(\w+)\(", function.sql("duckdb")):
            yield name[1].lower()


def time_formats(statement: str) -> Iterator[str]:
    """The texts that say how times are written or read."""
    tree = sqlglot.parse_one(statement, read="duckdb")
    for each in tree.find_all(exp.StrToTime, exp.StrToDate, exp.TimeToStr):
        for text in each.args["format"].find_all(exp.Literal):
            yield text.name


def head(function: exp.Expr) -> str:
    return function.sql("bigquery").split("(")[0]


def message_of(error: SqlglotError) -> str:
    """The first thing that is wrong, with its line, without the marks that are for a terminal."""
    found = getattr(error, "errors", None) or []
    if found and found[0].get("line"):
        first = found[0]
        return f"{first['description']} in line {first['line']}, near {first['highlight']!r}"
    return " ".join(str(error).split())
