"""`manage.py scan`: scans the warehouse, or some tables and dates, in this process."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import CommandParser

from apps.cli import reprocess_option
from apps.cli.pipeline_command import PipelineCommand
from apps.coverage.models import Scan
from apps.coverage.scanning import full_scan, partial_scan, warehouses
from apps.coverage.scanning.partial_scan import Partial
from apps.pipeline import arguments, scope
from apps.pipeline.definition import Pipeline
from apps.runs.plans import planning
from apps.text import count


class Command(PipelineCommand):
    help = (
        "Counts what the warehouse has, and stores it. "
        "Exit 0 all tables read, 1 some could not be asked, 2 wrong arguments."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        arguments.add_selection(parser)
        reprocess_option.add_reprocess(parser)
        arguments.add_json(parser)

    def perform(self, pipeline: Pipeline, options: dict[str, Any]) -> None:
        named = arguments.selected(options)
        wanted = scope.scope(pipeline, **named)
        warehouse = warehouses.open_warehouse(pipeline)
        if any(named.values()):
            done: Scan | Partial = partial_scan.scan(pipeline, warehouse, wanted)
        else:
            done = Scan.objects.create(status=Scan.Status.RUNNING)
            full_scan.scan(pipeline, warehouse, done)
            done.refresh_from_db()
        plan = planning.of_scope(pipeline, wanted, options["reprocess"])
        if options["json"]:
            self.write_json(as_json(done) | reprocess_option.as_json(plan))
        else:
            self.stdout.write(f"{scan_summary(done)}\n{reprocess_option.plan_summary(plan)}")
        if done.problem:
            sys.exit(1)


def as_json(done: Scan | Partial) -> dict[str, Any]:
    return {
        "scan": done.pk,
        "status": done.status,
        "tables": done.tables_done,
        "queries": done.queries,
        "changed": done.changed,
        "problem": done.problem,
        "notes": done.notes,
    }


def scan_summary(done: Scan | Partial) -> str:
    if done.status == Scan.Status.FAILED:
        what = "everything" if isinstance(done, Scan) else "all of it"
        known = f"What was known last of {what} stays; what it is now is unknown until a scan succeeds."
        return f"{done.problem} {known}"
    read = f"{count(done.tables_done, 'table')} read in {done.queries} queries"
    said = f"{read}; {count(done.changed, 'partition')} changed."
    if done.notes:
        said = f"{said} {done.notes}."
    return f"{said}\nProblem: {done.problem}." if done.problem else said
