"""`manage.py verify`: counts a range in the warehouse, and prints a verdict."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import CommandParser
from rich.console import Console

from apps.cli.grids import Grid
from apps.cli.pipeline_command import PipelineCommand, shell_user
from apps.coverage.models import Verification
from apps.coverage.scanning import warehouses
from apps.coverage.verification import report_files, verifier
from apps.coverage.verification.attempt_history import STILL_RUNNING
from apps.coverage.verification.qualities import stretches
from apps.coverage.verification.report import (
    HistoryReport,
    QualityReport,
    Report,
    TableReport,
    Verdict,
    spans_text,
)
from apps.pipeline import arguments
from apps.pipeline.arguments import terminal
from apps.pipeline.definition import Pipeline
from apps.pipeline.scope import DoesNotFit, Scope

EXIT = {Verdict.PASSED: 0, Verdict.NOT_PASSED: 1, Verdict.COULD_NOT_RUN: 1, Verdict.NOTHING: 2}
STYLE = {Verdict.PASSED: "bold green", Verdict.NOT_PASSED: "bold red", Verdict.COULD_NOT_RUN: "bold magenta"}
COUNTS = ("complete", "thin", "excess", "missing", "stale", "unknown", "unexpected", "accepted")
STAND_IN = "*"


class Command(PipelineCommand):
    help = (
        "Verifies that every date has the rows that it should have. "
        "Exit 0 passed, 1 not passed or could not run, 2 nothing to verify or wrong arguments."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "start", nargs="?", type=arguments.date, metavar="START", help="such as 2024-01-15"
        )
        parser.add_argument("end", nargs="?", type=arguments.date, metavar="END", help="last date, included")
        for name in ("season", "phase", "table"):
            parser.add_argument(f"--{name}", action="append", default=[], help="may be given again")
        parser.add_argument(
            "--detailed", action="store_true", help="the dates of every state, quality, failures"
        )
        arguments.add_json(parser)

    def perform(self, pipeline: Pipeline, options: dict[str, Any]) -> None:
        found = verifier.request(pipeline, scope(pipeline, options), by=shell_user())
        verifier.perform(pipeline, warehouses.open_warehouse(pipeline), found)
        found.refresh_from_db()
        report = verifier.report_of(found)
        if options["json"]:
            self.write_json(report_files.as_json(found, report))
        elif report:
            show(terminal(self.stdout, soft_wrap=True), found, report, detailed=options["detailed"])
        else:
            self.stderr.write(found.problem)
        sys.exit(EXIT[report.verdict] if report else 1)


def scope(pipeline: Pipeline, options: dict[str, Any]) -> Scope:
    if options["start"] and not options["end"]:
        raise DoesNotFit("Give the last date too: manage.py verify START END.", about="dates")
    return verifier.scope(
        pipeline,
        phases=options["phase"],
        tables=options["table"],
        seasons=options["season"],
        start=options["start"],
        end=options["end"],
    )


# For people ---------------------------------------------------------------------------------------


def show(console: Console, found: Verification, report: Report, *, detailed: bool) -> None:
    expected = f"{report.expected_in_words}, from {report.start} to {report.end}"
    asked = f"asked {report.asked_at:%Y-%m-%d %H:%M} UTC in {report.queries} queries"
    console.print(f"Verification {found.pk}: {expected}, {asked}")
    counts(report).print_on(console)
    if any(table.by_need for table in report.tables):
        console.print(f"{STAND_IN} another source may stand in: its missing dates are judged by the need.")
    for table in report.tables:
        if table.undated:
            console.print(f"{table.short_name}: {table.undated_in_words}")
    if unasked := [table.short_name for table in report.tables if table.is_undated_unasked]:
        console.print(
            f"Rows without a date were not asked about, which a scan tells of: {', '.join(unasked)}"
        )
    for need in report.needs:
        console.print(f"Need {need.name}: {need.in_words}; wanted {need.wanted}")
    if report.history:
        tell_running(console, report.history)
    if detailed:
        details(console, report)
    console.print(report.verdict_in_words.upper(), style=STYLE.get(report.verdict, "bold"))
    for reason in report.reasons:
        console.print(f"  {'?' if reason.could_not_run else '-'} {reason.text}")
    if not report.reasons and report.verdict == Verdict.NOTHING:
        console.print(f"  {report.why_nothing}")


def counts(report: Report) -> Grid:
    grid = Grid()
    grid.text("table")
    grid.numbers("expected", *COUNTS, "duplicates", "nulls")
    for table in report.tables:
        name = f"{table.short_name}{STAND_IN if table.by_need else ''}"
        grid.row(name, f"{table.expected:,}", *cells(table), contents(table), no_values(table))
    return grid


def cells(table: TableReport) -> list[str]:
    if table.is_unknown:
        return ["unknown" if state in ("complete", "unknown") else "?" for state in COUNTS]
    return [f"{table.counts[state]:,}" if table.counts[state] else "·" for state in COUNTS]


def contents(table: TableReport) -> str:
    if table.duplicates is None:
        return "–"
    return "?" if table.duplicates.extra is None else f"{table.duplicates.extra:,}"


def no_values(table: TableReport) -> str:
    if not table.nulls:
        return "–"
    return ", ".join("?" if each.without is None else each.share or "–" for each in table.nulls)


def details(console: Console, report: Report) -> None:
    for table in report.tables:
        for state, number, spans in table.wrong:
            console.print(f"{table.short_name}, {state} on {number:,}: {spans_text(spans, most=None)}")
    for found in report.quality:
        tell_quality(console, found)
    if report.history:
        tell_history(console, report.history)


def tell_quality(console: Console, found: QualityReport) -> None:
    for each in stretches(found):
        if each.mean is not None:
            means = f"mean {each.mean:.1f}, {each.lowest:.1f} to {each.highest:.1f}"
            days = f"days {each.first_day} to {each.last_day}"
            console.print(
                f"{found.table}, {found.column}, {days} ({each.band}): {means} on {len(each.points)} dates",
            )


def tell_running(console: Console, history: HistoryReport) -> None:
    """Attempts that have not ended, which are no failures."""
    for each in history.failures:
        if each.excused == STILL_RUNNING:
            since = f" since {each.started_at:%Y-%m-%d %H:%M} UTC" if each.started_at else ""
            console.print(f"Run history: {each.processor} {each.date} is still running{since}")


def tell_history(console: Console, history: HistoryReport) -> None:
    if history.problem:
        return  # it is among the reasons
    failures = [each for each in history.failures if each.excused != STILL_RUNNING]
    console.print(f"Run history: {history.tries:,} latest attempts, {len(failures):,} of them failures")
    for each in failures:
        excused = f", does not count: {each.excused}" if each.excused else ""
        console.print(f"  {each.processor} {each.date}: {each.status}{excused}. {each.errors}")
