"""`manage.py coverage`: the numbers of the coverage page, for a terminal or a program."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandParser
from rich.console import Console

from apps.cli import reprocess_option
from apps.cli.grids import Grid
from apps.cli.pipeline_command import PipelineCommand
from apps.coverage import regressions
from apps.coverage.calendar import removed_dates
from apps.coverage.counts import rollup
from apps.coverage.counts.rollup import Coverage, PhaseCoverage, TableCoverage, Tally
from apps.coverage.models import TableReading
from apps.coverage.regressions import Loss
from apps.pipeline import arguments, scope
from apps.pipeline.arguments import terminal
from apps.pipeline.definition import Pipeline
from apps.pipeline.scope import Scope
from apps.runs.failures import outside_console
from apps.runs.failures.outside_console import Outside
from apps.runs.plans import planning

STATES = ("complete", "thin", "excess", "missing", "unknown", "unexpected", "accepted", "not_expected")
UNKNOWN = "unknown"


class Command(PipelineCommand):
    help = "Shows how many dates of each table and phase are complete. Exit 2 for wrong arguments."

    def add_arguments(self, parser: CommandParser) -> None:
        arguments.add_selection(parser)
        reprocess_option.add_reprocess(parser)
        arguments.add_json(parser)

    def perform(self, pipeline: Pipeline, options: dict[str, Any]) -> None:
        wanted = scope.scope(pipeline, **arguments.selected(options))
        seasons = wanted.seasons if options["season"] else ()
        found = rollup.coverage(pipeline, seasons=seasons, start=wanted.start, end=wanted.end)
        plan = planning.of_scope(pipeline, wanted, options["reprocess"])
        lost = regressions.within(pipeline, wanted)
        others = outside_console.within(pipeline, wanted)
        removed = removed_dates.open_now()
        if options["json"]:
            more = {
                **reprocess_option.as_json(plan),
                "lost_rows": [loss_as_json(loss) for loss in lost],
                "outside": outside_as_json(others),
                "removed_dates": removed.as_json() if removed else None,
            }
            self.write_json(as_json(found, wanted) | more)
        else:
            console = terminal(self.stdout)
            show(console, found, wanted)
            if removed:
                said = f"{removed.sentence}. {removed.consequence}\n{removed.by_season}"
                console.print(said, style="bold red")
            for loss in lost:
                console.print(f"Regression: {loss.sentence}", style="bold red")
            for line in outside_in_words(others):
                console.print(line, style="bold red")
            console.print(reprocess_option.plan_summary(plan))


def phases_of(found: Coverage, wanted: Scope) -> list[PhaseCoverage]:
    names = {table.phase for table in wanted.tables}
    return [phase for phase in found.phases if phase.phase.name in names]


def tables_of(phase: PhaseCoverage, wanted: Scope) -> list[TableCoverage]:
    return [table for table in phase.tables if table.table in wanted.tables]


def as_json(found: Coverage, wanted: Scope) -> dict[str, Any]:
    phases = phases_of(found, wanted)
    tables = [table for phase in phases for table in tables_of(phase, wanted)]
    known = found.freshness
    return {
        "as_of": known.as_of.isoformat() if known.as_of else None,
        "problem": known.problem,
        "failing_since": known.failing_since.isoformat() if known.failing_since else None,
        "phases": [
            {
                "name": phase.phase.name,
                "title": phase.phase.title,
                "dates_expected": phase.tally.expected,
                "dates_complete": phase.tally.complete,
                "dates_unknown": phase.tally.unknown,
                "left_out": phase.left_out,
                "last_known": phase.last_known,
            }
            for phase in phases
        ],
        "tables": [table_as_json(table) for table in tables],
    }


def table_as_json(table: TableCoverage) -> dict[str, Any]:
    tally = table.tally
    return {
        "name": table.table.name,
        "phase": table.table.phase,
        "expected": tally.expected,
        **{state: getattr(tally, state) for state in STATES},
        "stale": tally.stale,
        "failed": tally.failed,
        "not_redone": tally.not_redone,
        "running": tally.running,
        "queued": tally.queued,
        "silence": silence_as_json(table.silence) if table.silence else None,
    }


def silence_as_json(silent: TableReading) -> dict[str, Any]:
    """Why the numbers are the last known ones."""
    since, at = silent.silent_since, silent.read_at
    return {
        "since": since.isoformat() if since else None,
        "reason": silent.problem,
        "last_read_at": at.isoformat() if at else None,
    }


def loss_as_json(loss: Loss) -> dict[str, Any]:
    return {
        "table": loss.table,
        "dates": [str(date) for date in loss.dates],
        "rows_before": loss.had,
        "rows_now": loss.has,
        "text": loss.sentence,
    }


def outside_as_json(found: Outside | None) -> dict[str, Any] | None:
    """Open failures outside the console; null if no run history is configured."""
    if found is None:
        return None
    return {
        "as_of": found.reading.read_at.isoformat() if found.reading.read_at else None,
        "problem": found.reading.problem,
        "failures": [
            {
                "signature": group.signature,
                "message": group.sample,
                "table": part.table,
                "processor": part.processor,
                "dates": [str(date) for date in part.dates],
                "last_at": part.last_at.isoformat() if part.last_at else None,
            }
            for group in found.groups
            for part in group.parts
        ]
        if found.reading.is_known
        else None,
    }


def outside_in_words(found: Outside | None) -> Iterator[str]:
    if found and found.reading.problem:
        yield f"Outside the console: unknown, the run history could not be asked: {found.reading.problem}"
    for group in found.groups if found else ():
        for part in group.parts:
            yield f"Failed outside the console: {part.processor}, {part.in_words}: {group.sample}"


def show(console: Console, found: Coverage, wanted: Scope) -> None:
    console.print(f"Coverage {found.freshness.age}")
    for sentence in found.freshness.sentences:
        console.print(sentence, style="bold red")
    grid = Grid()
    grid.text("table")
    grid.numbers(
        "complete", "of", "%", "thin", "excess", "missing", "stale", "failed", "unknown", "unexpected"
    )
    grid.text("left out")
    nothing = "–" if found.freshness.as_of else UNKNOWN
    for phase in phases_of(found, wanted):
        grid.row(*phase_row(phase, nothing), style="bold")
        for table in tables_of(phase, wanted):
            grid.row(*table_row(table, nothing))
    grid.print_on(console)


def phase_row(phase: PhaseCoverage, nothing: str) -> list[str]:
    is_source = [table.table.is_source for table in phase.tables]
    what = (
        "every need served" if all(is_source) else "all tables and needs" if any(is_source) else "all tables"
    )
    title = f"{phase.phase.full_label}: {what}"
    unknown = amount(phase.tally.unknown)
    return [title, *shares(phase.tally, nothing), "", "", "", "", "", unknown, "", phase.tally.left_out]


def table_row(table: TableCoverage, nothing: str) -> list[str]:
    tally = table.tally
    says_something = tally.expected and not tally.is_unknown
    counts = (tally.thin, tally.excess, tally.missing, tally.stale)
    return [
        f"  {table.table.short_name}{' (last known)' if table.silence else ''}",
        *shares(tally, nothing),
        *(amount(count) if says_something else "" for count in counts),
        *(amount(count) for count in (tally.failed, tally.unknown, tally.unexpected)),
        tally.left_out,
    ]


def shares(tally: Tally, nothing: str) -> list[str]:
    """Complete, expected, and percent; three times `nothing` if no date is expected."""
    if not tally.expected:
        return [nothing] * 3
    if tally.is_unknown:
        return [UNKNOWN, f"{tally.expected:,}", UNKNOWN]
    return [f"{tally.complete:,}", f"{tally.expected:,}", f"{tally.percent}"]


def amount(count: int) -> str:
    return f"{count:,}" if count else "·"
