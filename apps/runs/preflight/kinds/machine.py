"""Checks of the console itself: its workers, its other runs, its disks."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.db.models import Count, Max, Min

from apps.pipeline.check_kinds import Disk, Overlap, Workers
from apps.runs.models import Run, Step
from apps.runs.preflight import remedies
from apps.runs.preflight.facts import Facts
from apps.runs.preflight.finding import Finding, failed, passed, unknown
from apps.runs.results import outcomes
from apps.text import count
from apps.workers import worker_list
from apps.workers.worker_list import SERVE


def workers(asked: Workers, facts: Facts) -> Iterator[Finding]:
    """Fails for each cluster without a worker: what is queued there does not start."""
    present = worker_list.workers_now(facts.now)
    for each in present.unserved:
        since = f"for {each.silence}" if each.silence else "yet"
        yield failed(f"No worker of cluster {each.cluster} has reported {since}.", command=SERVE)
    if not present.unserved:
        yield passed("Every cluster has workers.", value=f"{present.alive} alive")


def overlap(asked: Overlap, facts: Facts) -> Iterator[Finding]:
    """Runs that are about to fill some of these tables' dates, by name."""
    steps = Step.objects.unfinished().filter(
        table__in=[table.name for table in facts.scope.tables],
        date__in=facts.scope.days,
    )
    rows = steps.order_by().values("run").annotate(n=Count("pk"), first=Min("date"), last=Max("date"))
    found = list(rows)
    runs = Run.objects.in_bulk([row["run"] for row in found])
    counts = outcomes.of_runs(runs.values())
    for row in found:
        run = runs[row["run"]]
        yield failed(
            f"{outcomes.introduced(run, counts[run.pk])} is about to fill "
            f"{row['n']:,} of these partitions, {row['first']} to {row['last']}.",
            value=count(row["n"], "partition"),
            link=run.get_absolute_url(),
        )
    if not found:
        yield passed("No other run is about to fill any of it.")


def disk(asked: Disk, facts: Facts) -> Iterator[Finding]:
    """The folders that grow while a run goes on."""
    folders = {"logs": settings.VAR_DIR, "warehouse": warehouse_folder(facts)}
    for what, folder in folders.items():
        if folder:
            yield room(what, Path(folder), asked.free_mb)


def warehouse_folder(facts: Facts) -> Path | None:
    """None if the warehouse is no file on this machine."""
    path = getattr(facts.pipeline.warehouse, "path", "")
    return facts.pipeline.inside(path).parent if path else None


def room(what: str, folder: Path, least: int) -> Finding:
    try:
        free = shutil.disk_usage(folder).free // 1_000_000
    except OSError as error:
        return unknown(
            f"The folder of the {what}, {folder}, could not be asked: {error.strerror}.",
            command=remedies.list_folder(folder),
        )
    said = {"value": f"{free:,} MB free", "threshold": f"at least {least:,} MB"}
    if free < least:
        return failed(
            f"The disk of the {what}, {folder}, is nearly full.",
            command=remedies.list_largest(folder),
            **said,
        )
    return passed(f"The disk of the {what} has room.", **said)
