"""Rows as CSV and JSON, streamed line by line; safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.http import StreamingHttpResponse

# A spreadsheet takes text that begins like this for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")
CONTENT_TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/json"}


class Line:
    """A file for csv.writer whose write returns the line."""

    def write(self, text: str) -> str:
        return text


def csv_lines(columns: Sequence[str], rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    """A line of column names, if any, then one per row; dates and times as ISO text."""
    writer = csv.writer(Line())
    if columns:
        yield writer.writerow(columns)
    for row in rows:
        yield writer.writerow([harmless(plain(cell)) for cell in row])


def csv_text(columns: Sequence[str], rows: Iterable[Iterable[Any]]) -> str:
    """The same as one text, for the attachment of a mail."""
    return "".join(csv_lines(columns, rows))


def json_lines(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """One JSON list, one object per line."""
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
    """A response that downloads the lines as a file; its type follows from the name."""
    response = StreamingHttpResponse(lines, content_type=CONTENT_TYPES[name.rpartition(".")[2]])
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
