"""What a script in BigQuery SQL is made of, as far as keeping it whole needs to know."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot.errors import SqlglotError
from sqlglot.tokens import Token, TokenType

from apps.warehouse.base import QueryFailed

# https://cloud.google.com/bigquery/docs/transactions: of the rest, a transaction takes none that lasts.
FIT_A_TRANSACTION = {"INSERT", "UPDATE", "DELETE", "MERGE", "TRUNCATE"}


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
