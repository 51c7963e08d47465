"""Schemas and rows as the REST API sends them: https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs/getQueryResults"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
TYPES = {
    "BIGINT": "INTEGER",
    "HUGEINT": "INTEGER",
    "INTEGER": "INTEGER",
    "UBIGINT": "INTEGER",
    '"NULL"': "INTEGER",
    "NULL": "INTEGER",
    "DOUBLE": "FLOAT",
    "FLOAT": "FLOAT",
    "BOOLEAN": "BOOLEAN",
    "VARCHAR": "STRING",
    "JSON": "STRING",
    "DATE": "DATE",
    "TIMESTAMP": "DATETIME",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMP",
    "TIME": "TIME",
    "BLOB": "BYTES",
}


def field(name: str, kind: str) -> dict[str, str]:
    """A column of DuckDB's as a TableFieldSchema."""
    if kind.endswith("[]"):
        return field(name, kind[:-2]) | {"mode": "REPEATED"}
    plain = "NUMERIC" if kind.startswith("DECIMAL") else TYPES[kind]
    return {"name": name, "type": plain, "mode": "NULLABLE"}


def microseconds(moment: dt.datetime) -> str:
    return str((moment - EPOCH) // dt.timedelta(microseconds=1))


TO_TEXT: dict[str, Callable[[Any], str]] = {
    "BOOLEAN": lambda value: str(value).lower(),
    "DATE": str,
    "DATETIME": lambda value: value.isoformat(),
    "TIMESTAMP": microseconds,  # the client asks for formatOptions.useInt64Timestamp
}


def rows(schema: Sequence[dict[str, str]], found: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
    """`{"f": [{"v": ...}, ...]}` each."""
    forms = [cell(each) for each in schema]
    return [{"f": [{"v": form(value)} for form, value in zip(forms, row, strict=True)]} for row in found]


def cell(column: dict[str, str]) -> Callable[[Any], Any]:
    text = TO_TEXT.get(column["type"], str)
    if column["mode"] == "REPEATED":
        return lambda values: [{"v": None if value is None else text(value)} for value in values or ()]
    return lambda value: None if value is None else text(value)


def parameters(given: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The values of a query's named parameters."""
    return {each["name"]: value(each["parameterType"], each["parameterValue"]) for each in given}


def value(kind: dict[str, Any], given: dict[str, Any]) -> Any:
    if kind["type"] == "ARRAY":
        return [value(kind["arrayType"], each) for each in given.get("arrayValues", ())]
    text = given.get("value")
    if text is None:
        return None
    return FROM_TEXT.get(kind["type"], str)(text)


FROM_TEXT: dict[str, Callable[[str], Any]] = {
    "BOOL": json.loads,
    "DATE": dt.date.fromisoformat,
    "DATETIME": dt.datetime.fromisoformat,
    "FLOAT64": float,
    "INT64": int,
    "TIMESTAMP": dt.datetime.fromisoformat,
}
