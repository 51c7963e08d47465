"""`manage.py coverage`: the numbers of the coverage page, for a terminal or a program."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from rich.console import Console
from rich.table import Table as Grid

from apps.coverage import rollup
from apps.coverage.rollup import Coverage, PhaseCoverage, TableCoverage
from apps.pipeline import arguments, definition
from apps.pipeline.arguments import terminal
from apps.pipeline.definition import Pipeline, UnknownName

STATES = ("complete", "thin", "excess", "missing", "unknown", "unexpected", "accepted", "not_expected")


class Command(BaseCommand):
    help = "Shows how many dates of each table and phase are complete. Exit 2 for wrong arguments."

    def add_arguments(self, parser: CommandParser) -> None:
        arguments.add_selection(parser)
        arguments.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        pipeline = definition.current()
        try:
            phases, names, seasons = narrowed(pipeline, options)
        except UnknownName as error:
            self.stderr.write(str(error))
            sys.exit(2)
        if options["start"] and options["end"] and options["end"] < options["start"]:
            self.stderr.write(f"The end {options['end']} is before the start {options['start']}; swap them.")
            sys.exit(2)
        found = rollup.coverage(pipeline, season=seasons, start=options["start"], end=options["end"])
        shown = [phase for phase in found.phases if phase.phase.name in phases]
        if options["json"]:
            self.stdout.write(json.dumps(as_json(found, shown, names)))
        else:
            show(terminal(self.stdout), found, shown, names)


def narrowed(pipeline: Pipeline, options: dict[str, Any]) -> tuple[set[str], set[str], Any]:
    """The names of the phases and tables to show, and the season (None for all of them)."""
    names = {pipeline.table(name).name for name in options["table"]}
    phases = {pipeline.phase(name).name for name in options["phase"]}
    phases |= {pipeline.table(name).phase for name in names}
    if not names:
        names = set(pipeline.by_name)
    if len(options["season"]) > 1:
        raise UnknownName("Give one --season, or --start and --end for more than one.")
    season = pipeline.season(options["season"][0]) if options["season"] else None
    return phases or {phase.name for phase in pipeline.phases}, names, season


def as_json(found: Coverage, phases: Iterable[PhaseCoverage], names: set[str]) -> dict[str, Any]:
    tables = [table for phase in phases for table in phase.tables if table.table.name in names]
    return {
        "as_of": found.as_of.isoformat() if found.as_of else None,
        "problem": found.problem,
        "phases": [
            {
                "name": phase.phase.name,
                "title": phase.phase.title,
                "dates_expected": phase.dates_expected,
                "dates_complete": phase.dates_complete,
                "dates_unknown": phase.dates_unknown,
                "left_out": phase.left_out,
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
        "running": tally.running,
        "queued": tally.queued,
    }


def show(console: Console, found: Coverage, phases: Iterable[PhaseCoverage], names: set[str]) -> None:
    age = f"as of {found.as_of:%Y-%m-%d %H:%M} UTC" if found.as_of else "never scanned"
    console.print(f"Coverage {age}", markup=False)
    if found.problem:
        console.print(f"Not everything is known: {found.problem}", style="bold red", markup=False)
    grid = Grid(box=None, pad_edge=False, header_style="bold")
    grid.add_column("table", no_wrap=True)
    for title in ("complete", "of", "%", "thin", "excess", "missing", "failed", "unknown", "unexpected"):
        grid.add_column(title, justify="right", no_wrap=True)
    grid.add_column("left out", no_wrap=True)
    for phase in phases:
        grid.add_row(*phase_row(phase), style="bold")
        for table in phase.tables:
            if table.table.name in names:
                grid.add_row(*table_row(table))
    console.print(grid)


def phase_row(phase: PhaseCoverage) -> list[str]:
    left_out = ", ".join(f"{count} {reason}" for reason, count in phase.left_out.items())
    title = f"{phase.phase.full_label}: all tables"
    if any(table.table.is_source for table in phase.tables):
        title = f"{phase.phase.full_label}: every need served"
    numbers = [f"{phase.dates_complete:,}", f"{phase.dates_expected:,}", share(phase.percent)]
    return [title, *numbers, "", "", "", "", amount(phase.dates_unknown), "", left_out]


def table_row(table: TableCoverage) -> list[Any]:
    tally = table.tally
    return [
        f"  {table.table.short_name}",
        f"{tally.complete:,}",
        f"{tally.expected:,}",
        share(tally.percent),
        *(amount(count) for count in (tally.thin, tally.excess, tally.missing, tally.failed, tally.unknown)),
        amount(tally.unexpected),
        f"{tally.not_expected} not expected (bootstrap)" if tally.not_expected else "",
    ]


def share(percent: int | None) -> str:
    return "–" if percent is None else f"{percent}"


def amount(count: int) -> str:
    return f"{count:,}" if count else "·"
