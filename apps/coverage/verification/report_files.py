"""A report as CSV, a finding a line, and as one JSON object."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from apps import exports
from apps.coverage.counts import quality
from apps.coverage.models import Verification
from apps.coverage.verification import json_objects
from apps.coverage.verification.qualities import against
from apps.coverage.verification.report import Report, Span, TableReport

COLUMNS = ("subject", "check", "result", "dates", "start", "end", "detail")

Row = tuple[str, str, str, int, str, str, str]


def csv_lines(report: Report) -> Iterator[str]:
    return exports.csv_lines(COLUMNS, rows(report))


def rows(report: Report) -> Iterator[Row]:
    """All that was found, what is as it should be included; a range of dates a line."""
    start, end = str(report.start), str(report.end)
    told = report.verdict_in_words
    yield report.pipeline, "verdict", told, report.expected, start, end, report.expected_in_words
    for reason in report.not_asked:
        yield report.pipeline, "asked", "could not run", 0, "", "", reason.text
    for table in report.tables:
        yield from of_table(table)
    for need in report.needs:
        yield from spread(need.missing, need.name, "need", "no source", need.in_words)
    for found in report.quality:
        for point in found.points:
            said = quality.WORDS.get(against(point), "no value")
            mean = "" if point.mean is None else f"{point.mean:g}"
            yield found.table, f"quality {found.column}", said, 1, str(point.date), str(point.date), mean
    for failure in report.history.failures if report.history else ():
        subject, at = failure.table or failure.processor, str(failure.date)
        yield subject, "run history", failure.excused or failure.status, 1, at, at, failure.errors


def of_table(table: TableReport) -> Iterator[Row]:
    for state, found in table.dates.items():
        yield from spread(found, table.name, "rows", state, table.problem)
    if table.duplicates:
        detail = f"key {', '.join(table.duplicates.key)}"
        yield from spread(table.duplicates.dates, table.name, "key", "rows of the same key", detail)
    for each in table.nulls:
        yield from spread(each.dates, table.name, f"not null {each.column}", "no value", each.share)
    if said := table.undated_in_words:
        yield table.name, "rows", "not asked" if table.is_undated_unasked else "no date", 0, "", "", said


def spread(found: Iterable[Span], subject: str, check: str, result: str, detail: str) -> Iterator[Row]:
    for span in found:
        yield subject, check, result, span.dates, str(span.start), str(span.end), detail


def as_json(verification: Verification, report: Report | None) -> dict[str, Any]:
    """The JSON that the shell prints and the page offers."""
    return {
        "verification": verification.pk,
        "status": verification.status,
        "requested_by": verification.requested_by,
        "requested_at": verification.requested_at,
        "finished_at": verification.finished_at,
        "seasons": verification.seasons,
        "problem": verification.problem,
    } | (json_objects.dump(report) | verdict_texts(report) if report else {})


def verdict_texts(report: Report) -> dict[str, Any]:
    """What people read of the verdict and of how many partitions it is about, beside the numbers for programs."""
    return {
        "partitions_expected": report.expected,
        "accepted_gaps": report.accepted,
        "expected_text": report.expected_in_words,
        "verdict_text": report.verdict_in_words,
    }
