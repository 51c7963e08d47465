"""Maps of the seasons, one partition, and downloads."""

from __future__ import annotations

import datetime as dt
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.text import slugify
from django.views.decorators.http import require_GET

from apps import exports
from apps.coverage.counts import downloads, gaps, heatmap, rollup, strips
from apps.coverage.counts.filters import STATES, CoverageFilter, months
from apps.coverage.counts.rollup import Coverage
from apps.coverage.models import Scan
from apps.coverage.partition import evidence
from apps.coverage.views import live
from apps.coverage.views.addresses import date_or_404, named_or_404
from apps.pipeline import definition
from apps.pipeline.definition import Pipeline
from apps.pipeline.sections import Season, Table

RANGES_A_PAGE = 40


# Maps ---------------------------------------------------------------------------------------------


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """All seasons."""
    return maps(request, definition.current(), None)


@require_GET
def season(request: HttpRequest, name: str) -> HttpResponse:
    pipeline = definition.current()
    return maps(request, pipeline, named_or_404(pipeline.season, name))


def maps(request: HttpRequest, pipeline: Pipeline, season: Season | None) -> HttpResponse:
    chosen = CoverageFilter.of(request.GET, pipeline, season)
    tables = chosen.tables(pipeline)
    coverage = rollup.coverage(pipeline, season=season, start=chosen.start, end=chosen.end)
    scan = Scan.objects.active().first()
    context: dict[str, Any] = {
        "season": season,
        "chosen": chosen,
        "coverage": coverage,
        "freshness": coverage.freshness,
        "last_date": coverage.grid.dates[-1] if coverage.grid.dates else None,
        "tables": tables,
        "legend": strips.legend(strips.shown_counts(coverage.grid, tables)),
        "spans": spans_page(request, coverage, tables, chosen),
        "query": page_query(request),
        "gaps": planned_gaps(coverage, tables),
        "unread": strips.shown_counts(coverage.grid, tables)["u"],
        "plan_query": plan_query(coverage, chosen),
        "may_accept": request.user.has_perm("coverage.operate_coverage"),
        "list_title": f"{strips.state_label(chosen.state).capitalize() or 'Not complete'}, as ranges",
    }
    piece = live.piece(
        "coverage/_ranges.html",
        context,
        request=request,
        beside="coverage/_beside.html",
        is_active=scan is not None or strips.is_active(coverage.grid),
    )
    if live.is_refresh(request):
        return piece.answer(request)
    context |= {"live": piece, "scan": scan, **controls(request, pipeline, chosen)}
    context["maps"] = strips.season_maps(coverage, only={table.name for table in tables})
    return render(request, "coverage/maps.html", context)


def spans_page(request: HttpRequest, coverage: Coverage, tables: list[Table], chosen: CoverageFilter) -> Page:
    found = gaps.spans(coverage.grid, tables, chosen)
    page = Paginator(found, RANGES_A_PAGE).get_page(request.GET.get("page"))
    page.object_list = gaps.with_reasons(list(page.object_list))
    return page


def page_query(request: HttpRequest) -> str:
    """The address's parameters besides the page, for the links to other pages."""
    query = request.GET.copy()
    for name in ("page", "version"):
        query.pop(name, None)
    return f"{query.urlencode()}&" if query else ""


def planned_gaps(coverage: Coverage, tables: list[Table]) -> int:
    filled = [coverage.table(table.name).tally for table in tables if not table.is_source]
    tally = rollup.total(filled)
    return tally.gaps + tally.not_redone


def plan_query(coverage: Coverage, chosen: CoverageFilter) -> str:
    """What the launch form needs to know to plan the gaps on the page."""
    dates = coverage.grid.dates
    named = {"phase": "" if chosen.table else chosen.phase, "table": chosen.table}
    if dates:
        named |= {"start": dates[0].isoformat(), "end": dates[-1].isoformat()}
    return urlencode({name: value for name, value in named.items() if value})


def controls(request: HttpRequest, pipeline: Pipeline, chosen: CoverageFilter) -> dict[str, Any]:
    """The choices of the filter and of the map's modes."""
    mode = request.GET.get("mode", "")
    mode = mode if mode in heatmap.MODES else "state"
    return {
        "pipeline": pipeline,
        "states": [(state, strips.state_label(state)) for state in STATES],
        "months": months([chosen.season] if chosen.season else pipeline.seasons),
        "mode": mode,
        "modes": heatmap.MODES.items(),
        "groups": [(phase, pipeline.tables_of(phase.name)) for phase in pipeline.phases],
        "newest_first": sorted(pipeline.seasons, key=lambda season: season.start, reverse=True),
    }


@require_GET
def heatmap_data(request: HttpRequest, name: str) -> JsonResponse:
    pipeline = definition.current()
    chosen = CoverageFilter.of(request.GET, pipeline, named_or_404(pipeline.season, name))
    return JsonResponse(heatmap.season(pipeline, chosen, now=timezone.now()))


# One partition --------------------------------------------------------------------------------------


@require_GET
def find(request: HttpRequest) -> HttpResponse:
    """Where the form "table and date" leads."""
    pipeline = definition.current()
    table = named_or_404(pipeline.table, request.GET.get("table", ""))
    return redirect("coverage:partition", table.name, date_or_404(request.GET.get("date", "")))


@require_GET
def partition(request: HttpRequest, table: str, date: str) -> HttpResponse:
    """A panel beside a map, or a page of its own."""
    pipeline = definition.current()
    return show_partition(request, pipeline, named_or_404(pipeline.table, table), date_or_404(date))


def show_partition(
    request: HttpRequest, pipeline: Pipeline, table: Table, date: dt.date, *, problem: str = ""
) -> HttpResponse:
    template = "coverage/_partition.html" if request.headers.get("HX-Request") else "coverage/partition.html"
    found = evidence.evidence_of(pipeline, table, date)
    context = {"evidence": found, "unit": pipeline.calendar.unit, "problem": problem}
    return render(request, template, context)


# Downloads ------------------------------------------------------------------------------------------


@require_GET
def download(request: HttpRequest, kind: str, name: str = "") -> StreamingHttpResponse:
    """The partitions that the filter takes, as `csv` or `json`."""
    pipeline = definition.current()
    season = named_or_404(pipeline.season, name) if name else None
    found = downloads.partitions(pipeline, CoverageFilter.of(request.GET, pipeline, season))
    name = f"partitions{f'-{slugify(name)}' if name else ''}.{kind}"
    return exports.download(downloads.lines(found, kind), name)
