"""A report as its page draws it: numbers with their words, quality with its chart, failures told together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from apps.coverage.counts import quality
from apps.coverage.models import CalendarDate
from apps.coverage.verification import charts
from apps.coverage.verification.attempt_history import STILL_RUNNING
from apps.coverage.verification.charts import QualityChart
from apps.coverage.verification.qualities import Stretch, stretches
from apps.coverage.verification.report import (
    Failure,
    QualityReport,
    Report,
    TableReport,
    Verdict,
    spans,
    spans_text,
)
from apps.coverage.verification.tables import After
from apps.pipeline import definition
from apps.pipeline.definition import Pipeline
from apps.text import successor

# The class that colours a verdict, everywhere.
CLASS = {
    Verdict.PASSED: "pass",
    Verdict.NOT_PASSED: "failure",
    Verdict.COULD_NOT_RUN: "unknown",
    Verdict.NOTHING: "skipped",
}


@dataclass(frozen=True)
class StretchRow:
    """The dates of one band: how many, what they have, and which of them lie outside."""

    stretch: Stretch
    below: str
    above: str
    without: str

    @property
    def is_fine(self) -> bool:
        return not (self.below or self.above or self.without)


@dataclass(frozen=True)
class Quality:
    found: QualityReport
    chart: QualityChart | None
    rows: tuple[StretchRow, ...]

    @property
    def short_name(self) -> str:
        return definition.short_name(self.found.table)


@dataclass(frozen=True)
class ShownFailure:
    """Failures of one processor that say the same."""

    first: Failure
    dates: str
    number: int


@dataclass(frozen=True)
class Drawn:
    """Everything that the page of a report shows."""

    report: Report
    verdict_class: str
    phases: tuple[tuple[str, list[TableReport]], ...]
    qualities: tuple[Quality, ...]
    failures: tuple[ShownFailure, ...]

    @property
    def tables_with_contents(self) -> list[TableReport]:
        """Those with a key, or columns that may not be NULL."""
        return [table for table in self.report.tables if table.duplicates or table.nulls]

    @property
    def tries_failed(self) -> int:
        """How many latest attempts failed; those that are still running did not."""
        return sum(told.number for told in self.failures if told.first.excused != STILL_RUNNING)


def draw(report: Report, pipeline: Pipeline) -> Drawn:
    calendar = CalendarDate.objects.filter(date__range=(report.start, report.end))
    after = successor(list(calendar.values_list("date", flat=True)))
    return Drawn(
        report=report,
        verdict_class=CLASS[report.verdict],
        phases=tuple(by_phase(report, pipeline)),
        qualities=tuple(of_quality(found, after) for found in report.quality),
        failures=tuple(shown_failures(report.history.failures if report.history else (), after)),
    )


def by_phase(report: Report, pipeline: Pipeline) -> Iterable[tuple[str, list[TableReport]]]:
    """Phases that fill tables before those of sources alone; a phase that the file has no more keeps its name."""
    labels = {phase.name: phase.full_label for phase in pipeline.phases}
    groups: dict[str, list[TableReport]] = {}
    for table in sorted(report.tables, key=lambda table: table.is_source):
        groups.setdefault(table.phase, []).append(table)
    return [(labels.get(name, name), tables) for name, tables in groups.items()]


def of_quality(found: QualityReport, after: After) -> Quality:
    rows = (
        StretchRow(
            each,
            below=spans_text(each.dates(quality.BELOW, after)),
            above=spans_text(each.dates(quality.ABOVE, after)),
            without=spans_text(each.dates("", after)),
        )
        for each in stretches(found)
    )
    return Quality(found, charts.chart(found), tuple(rows))


def shown_failures(failures: Iterable[Failure], after: After) -> Iterable[ShownFailure]:
    """Those that count before those that do not."""
    groups: dict[tuple[str, str, str, str], list[Failure]] = {}
    for failure in sorted(failures, key=lambda failure: bool(failure.excused)):
        kind = (failure.excused, failure.processor, failure.status, failure.errors)
        groups.setdefault(kind, []).append(failure)
    return [
        ShownFailure(same[0], spans_text(spans((each.date for each in same), after)), len(same))
        for same in groups.values()
    ]
