"""`manage.py preflight`: runs every check before a launch, in this process."""

from __future__ import annotations

import sys
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser
from rich.console import Console

from apps.cli.pipeline_command import PipelineCommand, shell_user
from apps.coverage.scanning import warehouses
from apps.pipeline import arguments, scope
from apps.pipeline.arguments import terminal
from apps.pipeline.definition import Pipeline
from apps.runs.models import Preflight
from apps.runs.preflight import reports
from apps.runs.preflight.finding import Finding, Level, Result
from apps.runs.preflight.reports import ShownReport

READY, NOT_READY, WARNINGS = 0, 1, 2
EXIT = {Preflight.Verdict.READY: READY, Preflight.Verdict.WARNINGS: WARNINGS}
STYLES = {
    Level.PASS: "green",
    Level.WARNING: "yellow",
    Level.FAILURE: "red",
    Level.UNKNOWN: "magenta",
    Level.SKIPPED: "bright_black",
    Level.NOTE: "bright_black",
}
WIDEST = max(len(level) for level in Level)
INDENT = " " * (WIDEST + 2)


class Command(PipelineCommand):
    help = (
        "Checks whether tables and dates are ready to be filled; everything, where none are named. "
        "Exit 0 ready, 1 not ready, 2 ready with warnings or wrong arguments."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        arguments.add_selection(parser)
        parser.add_argument("--quick", action="store_true", help="leave the dry runs out")
        arguments.add_json(parser)

    def perform(self, pipeline: Pipeline, options: dict[str, Any]) -> None:
        wanted = scope.scope(pipeline, **arguments.selected(options))
        report = reports.create(wanted, by=shell_user(), quick=options["quick"])
        console = terminal(self.stdout, quiet=options["json"], soft_wrap=True)
        warehouse = warehouses.open_warehouse(pipeline)
        reports.perform(report, pipeline, warehouse, tell=lambda result: show(console, result))
        told = reports.shown_report(report)
        if options["json"]:
            self.write_json(told.as_json())
        else:
            show_verdict(console, told)
        sys.exit(EXIT.get(Preflight.Verdict(report.verdict), NOT_READY))


def show(console: Console, result: Result) -> None:
    """A line for a check, and one for each of its other findings."""
    worst = result.worst
    console.print(f"{result.level.upper():<{WIDEST}}", style=STYLES[result.level], end="  ")
    console.print(f"{result.name}: {finding_text(worst) if worst else 'nothing was found out'}")
    for finding in result.findings:
        if finding is not worst:
            console.print(
                f"{INDENT}{'' if finding.level == Level.PASS else finding.level + ': '}{finding_text(finding)}",
            )
        if finding.level not in (Level.PASS, Level.NOTE):
            show_more(console, finding)


def show_more(console: Console, finding: Finding) -> None:
    """Details, and the remedy: a command, or a URL of the console."""
    if finding.detail:
        console.print(f"{INDENT}{finding.detail}")
    if finding.command:
        console.print(f"{INDENT}$ {finding.command}")
    elif finding.link:
        console.print(f"{INDENT}{finding.deed}: {settings.BASE_URL.rstrip('/')}{finding.link}")


def finding_text(finding: Finding) -> str:
    """The sentence, with the value and the threshold."""
    wanted = f"wanted {finding.threshold}" if finding.threshold and finding.level != Level.PASS else ""
    facts = "; ".join(each for each in (finding.value, wanted) if each)
    return f"{finding.text} · {facts}" if facts else finding.text


def show_verdict(console: Console, told: ShownReport) -> None:
    report = told.report
    if not report.is_finished:
        console.print(report.problem or "The pre-flight did not come to its end.", style="red")
        return
    if report.elsewhere:
        console.print(f"Not about these tables: {', '.join(report.elsewhere)}")
    said = f"{report.get_verdict_display().capitalize()}: {told.counts}."
    console.print(f"{said} Report {report.pk}.", style="bold")
    if told.why:
        console.print(f"In the way: {told.why}")
