"""`manage.py scan`: asks the warehouse about everything, now, in this process."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from apps.coverage import scanning
from apps.coverage.models import Scan
from apps.pipeline import arguments, definition


class Command(BaseCommand):
    help = (
        "Asks the warehouse what it has, and remembers it. Exit 0 all tables read, 1 some could not be asked."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        arguments.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        pipeline = definition.current()
        scan = Scan.objects.create(status=Scan.Status.RUNNING)
        scanning.scan(pipeline, scanning.open_warehouse(pipeline), scan)
        scan.refresh_from_db()
        if options["json"]:
            self.stdout.write(json.dumps(as_json(scan)))
        else:
            self.stdout.write(in_words(scan))
        if scan.problem:
            sys.exit(1)


def as_json(scan: Scan) -> dict[str, Any]:
    return {
        "scan": scan.pk,
        "status": scan.status,
        "tables": scan.tables_done,
        "queries": scan.queries,
        "changed": scan.changed,
        "problem": scan.problem,
    }


def in_words(scan: Scan) -> str:
    if scan.status == Scan.Status.FAILED:
        return f"{scan.problem} Everything is unknown until a scan succeeds."
    said = f"{scan.tables_done} tables read in {scan.queries} queries; {scan.changed:,} partitions changed."
    return f"{said}\nNot everything could be asked: {scan.problem}." if scan.problem else said
