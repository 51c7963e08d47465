"""Rows as CSV and JSON, line by line, so that no size of download fills the memory; safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.http import StreamingHttpResponse

# A spreadsheet takes what begins like this for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")
CONTENT_TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/json"}


class Line:
    """A file for csv.writer that hands each line back."""

    def write(self, text: str) -> str:
        return text


def csv_lines(columns: Sequence[str], rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    """A line of names, then one a row; dates and moments as ISO text. Without names, the rows alone."""
    writer = csv.writer(Line())
    if columns:
        yield writer.writerow(columns)
    for row in rows:
        yield writer.writerow([harmless(plain(cell)) for cell in row])


def csv_text(columns: Sequence[str], rows: Iterable[Iterable[Any]]) -> str:
    """The same as one text, to be attached to a mail."""
    return "".join(csv_lines(columns, rows))


def json_lines(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """One JSON list, an object a line."""
    before = "[\n"
    for row in rows:
        yield before + json.dumps({name: plain(cell) for name, cell in row.items()})
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"


def plain(cell: Any) -> Any:
    return cell.isoformat() if hasattr(cell, "isoformat") else cell


def harmless(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


def download(lines: Iterable[str], name: str) -> StreamingHttpResponse:
    """A file to keep, of the kind that its name ends with."""
    response = StreamingHttpResponse(lines, content_type=CONTENT_TYPES[name.rpartition(".")[2]])
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
