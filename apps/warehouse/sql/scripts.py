"""Statements of a BigQuery script: kept whole, and enough of each to know its price."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokens import Token, TokenType

from apps.warehouse.base import QueryFailed

# https://cloud.google.com/bigquery/docs/transactions: of the rest, a transaction takes none that lasts.
FIT_A_TRANSACTION = {"INSERT", "UPDATE", "DELETE", "MERGE", "TRUNCATE"}
READING = (exp.Query, exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Create)
CONTROL = {"BEGIN", "COMMIT", "ROLLBACK"}  # of a transaction

logging.getLogger("sqlglot").setLevel(logging.ERROR)  # what it warns of is told apart here


@dataclass(frozen=True, slots=True)
class Script:
    """A script as the warehouse gets it, and how many statements its author wrote."""

    text: str
    statements: int


def whole(sql: str) -> Script:
    """All statements or none: in a transaction around them, unless the script brings its own.

    A single statement is whole by itself. What makes or drops tables cannot be in a transaction, and is left as it is.
    """
    statements = list(split(sql))
    if not statements:
        raise QueryFailed("the script has no statement")
    words = [first_words(statement) for statement in statements]
    if open_at_end(words):
        raise QueryFailed("the script begins a transaction and does not end it; add COMMIT. Nothing was kept")
    if len(statements) == 1 or not all(first in FIT_A_TRANSACTION for first, _ in words):
        return Script(sql, len(statements))
    body = sql[: statements[-1][-1].end + 1]
    return Script(f"BEGIN TRANSACTION;\n{body};\nCOMMIT TRANSACTION;", len(statements))


def split(sql: str) -> Iterator[list[Token]]:
    """The statements; comments and what stands in quotes split none."""
    try:
        tokens = sqlglot.tokenize(sql, read="bigquery")
    except SqlglotError as error:
        raise QueryFailed(f"the script cannot be read: {str(error).splitlines()[0]}") from error
    statement: list[Token] = []
    for token in tokens:
        if token.token_type != TokenType.SEMICOLON:
            statement.append(token)
        elif statement:
            yield statement
            statement = []
    if statement:
        yield statement


def first_words(statement: Sequence[Token]) -> tuple[str, str]:
    first, second, *_ = [token.text.upper() for token in statement] + [""]
    return first, second


def open_at_end(words: Sequence[tuple[str, str]]) -> bool:
    """Whether a transaction is begun that nothing ends. BEGIN alone, or before TRANSACTION, begins one."""
    is_open = False
    for first, second in words:
        if first == "BEGIN" and second in ("", "TRANSACTION"):
            is_open = True
        elif first in ("COMMIT", "ROLLBACK"):
            is_open = False
    return is_open


def words(sql: str) -> Iterator[list[str]]:
    """The words of each statement, in capitals."""
    return ([token.text.upper() for token in statement] for statement in split(sql))


# What it reads ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reads:
    """How often the statements of a script read a table. Of those in `perhaps` nothing may be billed at all."""

    surely: int
    perhaps: int

    @property
    def most(self) -> int:
        return self.surely + self.perhaps


def reads(sql: str) -> Reads:
    """How often its statements read a table; of a script that only BigQuery understands, by its words."""
    try:
        trees = [tree for tree in sqlglot.parse(sql, read="bigquery") if tree]
    except SqlglotError:
        return Reads(0, by_words(sql))
    if any(isinstance(tree, exp.Command) and tree.name.upper() not in CONTROL for tree in trees):
        return Reads(0, by_words(sql))
    trees = [tree for tree in trees if isinstance(tree, READING)]
    # To delete whole partitions is free: https://cloud.google.com/bigquery/docs/using-dml-with-partitioned-tables
    deleted = sum(isinstance(tree, exp.Delete) for tree in trees)
    return Reads(sum(len(set(tables_read(tree))) for tree in trees) - deleted, deleted)


def tables_read(tree: exp.Expr) -> Iterator[tuple[str, str]]:
    """Dataset and name; what an INSERT or CREATE fills is not read."""
    filled = tree.this.find(exp.Table) if isinstance(tree, exp.Insert | exp.Create) else None
    named = {cte.alias for cte in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        if table is not filled and table.name and (table.db or table.name not in named):
            yield table.db, table.name


def by_words(sql: str) -> int:
    """Of a script with parts that only BigQuery understands: as often as it says FROM, JOIN, USING or UPDATE."""
    return len(re.findall(r"\b(FROM|JOIN|USING|UPDATE)\b", sql, re.IGNORECASE))
