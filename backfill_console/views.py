"""The overview: where things stand, what runs, what failed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from apps.coverage import live, rollup, strips
from apps.coverage.models import Scan
from apps.coverage.rollup import Coverage
from apps.pipeline import definition
from apps.runs import failures, progress
from apps.runs.models import Run
from apps.workers.beacon import beacon
from backfill_console.truth import Truth, Work, filled, truth

SHOWN = 5  # failures, runs


@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    coverage = rollup.coverage(definition.current())
    scan = Scan.objects.active().first()
    work = what_runs_do()
    context = {
        "coverage": coverage,
        "last_date": coverage.grid.dates[-1] if coverage.grid.dates else None,
        "truth": truth_now(coverage, work, now=timezone.now()),
        "runs": Run.objects.all()[:SHOWN],
        **standing(coverage),
        **open_failures(),
    }
    piece = live.piece(
        "overview/_live.html",
        context,
        request=request,
        beside="overview/_beside.html",
        is_active=bool(work.active or scan),
    )
    if live.is_refresh(request):
        return piece.answer(request)
    return render(request, "overview/overview.html", context | {"live": piece, "scan": scan})


def what_runs_do() -> Work:
    unfinished: Sequence[Run] = sorted(
        Run.objects.unfinished(), key=lambda run: (run.status != Run.Status.RUNNING, run.pk)
    )
    first = next((run for run in unfinished if run.is_active), None)
    if first is None:
        return Work(unfinished)
    kinds = first.steps.failed().order_by().values("signature").distinct().count()
    return Work(unfinished, progress.of(first), kinds)


def truth_now(coverage: Coverage, work: Work, *, now: dt.datetime) -> Truth:
    seen: dict[str, Any] = dict(beacon(now))
    return truth(
        coverage,
        work,
        workers_alive=seen["workers_alive"],
        silent_for=seen["workers_silent_for"],
        now=now,
    )


def standing(coverage: Coverage) -> dict[str, Any]:
    """Phases and seasons as strips; what no run fills stands apart."""
    to_fill = filled(coverage)
    tables = [each.table for each in coverage.tables if not each.table.is_source]
    return {
        "phases": [(phase, strips.rows(phase.tables)) for phase in to_fill],
        "source_phases": [
            (phase, strips.rows(phase.tables)) for phase in coverage.phases if phase not in to_fill
        ],
        "season_ticks": strips.season_ticks(coverage.grid),
        "seasons": strips.season_maps(coverage),
        "legend": strips.legend(strips.shown_counts(coverage.grid, tables)),
        "tables": tables,
    }


def open_failures() -> dict[str, Any]:
    groups = failures.open_failures()
    return {"failures": groups[:SHOWN], "more_failures": len(groups[SHOWN:])}
