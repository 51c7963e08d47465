"""The overview: coverage, runs and failures."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.db.models import OuterRef, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from apps.coverage.counts import rollup, strips
from apps.coverage.counts.rollup import Coverage
from apps.coverage.models import Scan
from apps.coverage.views import live
from apps.pipeline import definition
from apps.pipeline.definition import Pipeline
from apps.runs.estimates import progress
from apps.runs.failures import failure_groups, outside_console
from apps.runs.failures.failure_groups import FailureGroup
from apps.runs.models import Run, Step
from apps.runs.pages.run_status import phase_label
from apps.workers.worker_status import worker_status
from backfill_console import readiness
from backfill_console.truth import Truth, Work, at_gate, filled, truth

SHOWN = 5  # failures, runs


@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    pipeline = definition.current()
    coverage = rollup.coverage(pipeline)
    scan = Scan.objects.active().first()
    failed = failure_groups.open_failures()
    now = timezone.now()
    work = what_runs_do(pipeline, failed, now=now)
    seen: dict[str, Any] = dict(worker_status(now))
    context = {
        "coverage": coverage,
        "freshness": coverage.freshness,
        "last_date": coverage.grid.dates[-1] if coverage.grid.dates else None,
        "truth": truth_now(coverage, work, seen, now=now),
        "runs": [(run, state_in_words(run, work)) for run in Run.objects.all()[:SHOWN]],
        "failures": failed[:SHOWN],
        "more_failures": len(failed[SHOWN:]),
        "outside": outside_console.lately(pipeline, now=now),
        "readiness": readiness.now(pipeline, coverage),
        **standing(coverage),
        **seen,
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


def what_runs_do(pipeline: Pipeline, failed: Sequence[FailureGroup], *, now: dt.datetime) -> Work:
    pending = Step.objects.pending().filter(run=OuterRef("pk")).order_by("position")
    found = Run.objects.unfinished().annotate(next_phase=Subquery(pending.values("phase")[:1]))
    unfinished = sorted(found, key=lambda run: (run.status != Run.Status.RUNNING, run.pk))
    work = Work(
        unfinished,
        gates={run.pk: phase_label(pipeline, run.next_phase) for run in unfinished if run.waits_at_gate},
        open_failures=(sum(group.count for group in failed), len(failed)),
    )
    if not work.active:
        return work
    first = work.active[0]
    kinds = first.steps.failed().order_by().values("signature").distinct().count()
    is_held = first.held_lanes.held(now).exists()
    return replace(work, progress=progress.progress_of(first, pipeline), kinds=kinds, is_held=is_held)


def state_in_words(run: Run, work: Work) -> str:
    gate = work.gates.get(run.pk)
    return at_gate(gate) if gate else run.get_status_display().lower()


def truth_now(coverage: Coverage, work: Work, seen: dict[str, Any], *, now: dt.datetime) -> Truth:
    """`seen` is the worker status."""
    return truth(
        coverage,
        work,
        workers_alive=seen["workers_alive"],
        silent_for=seen["workers_silent_for"],
        now=now,
    )


def standing(coverage: Coverage) -> dict[str, Any]:
    """Phases and seasons as strips; phases without jobs apart."""
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
