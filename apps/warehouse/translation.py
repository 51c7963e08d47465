"""Scripts in BigQuery's SQL as DuckDB performs them, so that one script serves both."""

from __future__ import annotations

import logging
from functools import lru_cache

import sqlglot
from sqlglot import ErrorLevel, exp
from sqlglot.errors import SqlglotError

from apps.warehouse.base import QueryFailed

FILLED = {"start_date", "end_date"}

logging.getLogger("sqlglot").setLevel(logging.ERROR)  # what it warns of is an error here, or harmless


@lru_cache(maxsize=200)
def for_duckdb(sql: str) -> tuple[str, ...]:
    """The script's statements; QueryFailed with the place where one cannot be read or has no like in DuckDB."""
    try:
        trees = [tree for tree in sqlglot.parse(sql, read="bigquery") if tree]
        for tree in trees:
            refuse_unknown(tree)
            use_our_clock(tree)
        return tuple(tree.sql("duckdb", unsupported_level=ErrorLevel.RAISE, comments=False) for tree in trees)
    except SqlglotError as error:
        raise QueryFailed(f"the script cannot be translated for DuckDB: {in_words(error)}") from error


def refuse_unknown(tree: exp.Expr) -> None:
    """What would pass the translation as it is, and be understood by nobody."""
    if function := tree.find(exp.Anonymous):
        raise QueryFailed(f"the script cannot be translated for DuckDB: it has no function {function.name}")
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


def in_words(error: SqlglotError) -> str:
    """The first thing that is wrong, with its line, without the marks that are for a terminal."""
    found = getattr(error, "errors", None) or []
    if found and found[0].get("line"):
        first = found[0]
        return f"{first['description']} in line {first['line']}, near {first['highlight']!r}"
    return " ".join(str(error).split())
