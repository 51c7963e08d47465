"""Why a report is not passed, a sentence for each thing that is wrong or could not be asked, and the verdict."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from apps.coverage.counts import quality
from apps.coverage.models import Partition
from apps.coverage.verification.qualities import against
from apps.coverage.verification.report import (
    WRONG,
    Failure,
    HistoryReport,
    NeedReport,
    Point,
    QualityReport,
    Reason,
    Report,
    TableReport,
    Verdict,
    spans,
    spans_text,
)
from apps.coverage.verification.tables import After
from apps.pipeline import definition
from apps.text import count, next_day
from apps.warehouse.base import Absent

MISSING, THIN = Partition.State.MISSING, Partition.State.THIN


def verdict(report: Report, reasons: Sequence[Reason]) -> Verdict:
    """What is surely wrong outranks what is not known; both outrank that there is nothing to verify."""
    if any(not reason.could_not_run for reason in reasons):
        return Verdict.NOT_PASSED
    if reasons:
        return Verdict.COULD_NOT_RUN
    if not any(table.expected for table in report.tables):
        return Verdict.NOTHING
    return Verdict.PASSED


def reasons(report: Report, after: After = next_day) -> list[Reason]:
    """What could not be asked first, then what is wrong; each by table, need, quality and history."""
    return sorted(all_reasons(report, after), key=lambda reason: not reason.could_not_run)


def all_reasons(report: Report, after: After) -> Iterator[Reason]:
    if report.problem:
        yield Reason(f"The warehouse could not be asked: {report.problem}.", could_not_run=True)
    for table in report.tables:
        yield from of_table(table, told=bool(report.problem))
    for loss in report.losses:
        yield Reason(f"Regression: {loss}.")
    if report.removed:
        yield Reason(f"{report.removed}, and no person confirmed it.")
    for leftover in report.leftovers:
        yield Reason(f"Open failure: {leftover}.")
    for need in report.needs:
        yield from of_need(need, told=bool(report.problem))
    for found in report.quality:
        yield from of_quality(found, after)
    if report.history:
        yield from of_history(report.history, after)


def dates(number: int) -> str:
    return count(number, "date")


# Tables -------------------------------------------------------------------------------------------


def of_table(table: TableReport, *, told: bool) -> Iterator[Reason]:
    """`told` is whether the one problem of everything was told already."""
    if table.problem == Absent.of(table.name):
        yield Reason(f"{table.short_name} is not there: {table.problem}.")
    elif table.problem and not told:
        yield Reason(f"{table.short_name} could not be asked: {table.problem}.", could_not_run=True)
    elif not told and (unknown := table.counts["unknown"]):
        where = spans_text(table.dates.get("unknown", ()))
        yield Reason(f"{table.short_name} is unknown on {dates(unknown)}: {where}.", could_not_run=True)
    yield from wrong_dates(table)
    yield from wrong_rows(table)


def wrong_dates(table: TableReport) -> Iterator[Reason]:
    for state in WRONG:
        number = table.counts[state]
        if number and not (table.by_need and state in (MISSING, THIN)):
            yield Reason(f"{table.short_name} {state_in_words(table, state, number)}: {shown(table, state)}.")


def state_in_words(table: TableReport, state: str, number: int) -> str:
    if state == Partition.State.UNEXPECTED:
        return f"has rows on {dates(number)} without any expected"
    is_so = "has an excess of rows" if state == Partition.State.EXCESS else f"is {state}"
    return f"{is_so} on {number:,} of {dates(table.expected)}"


def shown(table: TableReport, state: str) -> str:
    return spans_text(table.dates.get(state, ()))


def wrong_rows(table: TableReport) -> Iterator[Reason]:
    twice = table.duplicates
    if twice and twice.extra:
        rows = f"{count(twice.extra, 'row')} too many of the same key"
        yield Reason(f"{table.short_name} has {rows} ({', '.join(twice.key)}): {spans_text(twice.dates)}.")
    for each in table.nulls:
        if each.without:
            rows = f"{each.without:,} of {each.rows:,} rows"
            yield Reason(
                f"{table.short_name} has no {each.column} in {rows} ({each.share}): {spans_text(each.dates)}."
            )


# Needs, quality, history --------------------------------------------------------------------------


def of_need(need: NeedReport, *, told: bool) -> Iterator[Reason]:
    for share in need.short:
        yield Reason(f"{need.name} (some source needed on {need.wanted}): {share}.")
    for share in () if told else need.may_be_short:
        yield Reason(f"{need.name} (some source needed on {need.wanted}): {share}.", could_not_run=True)


def of_quality(found: QualityReport, after: After) -> Iterator[Reason]:
    table = definition.short_name(found.table)
    by_answer: dict[str, list[Point]] = defaultdict(list)
    for point in found.points:
        by_answer[against(point)].append(point)
    for letter in (quality.BELOW, quality.ABOVE):
        if points := by_answer[letter]:
            yield Reason(f"{table}: {found.column} is {quality.WORDS[letter]} on {listed(points, after)}.")
    if points := [point for point in by_answer[""] if point.least is not None]:
        yield Reason(f"{table}: {found.column} has no value on {listed(points, after)}.")


def listed(points: Sequence[Point], after: After) -> str:
    return f"{dates(len(points))}: {spans_text(spans((point.date for point in points), after))}"


def of_history(history: HistoryReport, after: After) -> Iterator[Reason]:
    if history.problem:
        yield Reason(f"The run history could not be asked: {history.problem}.", could_not_run=True)
    by_processor: dict[str, list[Failure]] = defaultdict(list)
    for failure in history.failures:
        if not failure.excused:
            by_processor[failure.processor].append(failure)
    for processor, failures in by_processor.items():
        number, where = dates(len(failures)), spans_text(spans((each.date for each in failures), after))
        yield Reason(f"{processor or 'Somebody'}: the latest attempt failed on {number}: {where}.")
