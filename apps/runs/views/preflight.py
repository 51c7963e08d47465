"""Pre-flights: asked for, watched, read again. A worker performs them; a page shows what is stored."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_POST

from apps.pipeline import definition
from apps.pipeline.definition import Pipeline
from apps.pipeline.form_fields import ScopeForm
from apps.pipeline.scope import Scope
from apps.runs import queue
from apps.runs.models import Preflight
from apps.runs.pages.launch_form import PlanForm
from apps.runs.preflight import reports

A_PAGE = 20

may_operate = permission_required("runs.operate_run", raise_exception=True)


class PreflightForm(ScopeForm):
    quick = forms.BooleanField(required=False)


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """What was looked at, and a form that an address may have filled."""
    return listed(request, PreflightForm(request.GET, definition.current()))


def listed(request: HttpRequest, form: PreflightForm, *, status: int = 200) -> HttpResponse:
    pipeline = form.pipeline
    page = Paginator(Preflight.objects.all(), A_PAGE).get_page(request.GET.get("page"))
    context = {
        "form": form,
        "pipeline": pipeline,
        "phases": [(phase, pipeline.tables_of(phase.name)) for phase in pipeline.phases],
        "page": page,
        "history": [reports.shown_report(report) for report in page],
    }
    return render(request, "preflight/index.html", context, status=status)


@require_POST
@may_operate
def start(request: HttpRequest) -> HttpResponse:
    form = PreflightForm(request.POST, definition.current())
    if not form.is_valid() or form.scope is None:
        return listed(request, form, status=422)
    return redirect(later(request, form.scope, quick=form.cleaned_data["quick"]))


def later(request: HttpRequest, scope: Scope, *, quick: bool) -> Preflight:
    report = reports.create(scope, by=request.user, quick=quick)
    queue.preflight_later(report)
    return report


@require_POST
@may_operate
def start_for_plan(request: HttpRequest) -> HttpResponse:
    """A pre-flight of the plan that the launch form shows; beside the form, where that can be."""
    form = PlanForm(request.POST, definition.current())
    plan = form.plan()
    scope = reports.scope_of_plan(plan, form.pipeline) if plan is not None else None
    if plan is None or scope is None:
        messages.warning(request, "The plan has no steps, so there is nothing to check.")
        return redirect("runs:new")
    report = later(request, scope, quick=False)
    if not request.headers.get("HX-Request"):
        return redirect(report)
    return render(request, "preflight/_for_plan.html", {"preflight": reports.for_plan(plan, form.pipeline)})


@require_GET
def beside_plan(request: HttpRequest, pk: int) -> HttpResponse:
    """How far the pre-flight of a plan is; when it ends, the plan is drawn again."""
    report = get_object_or_404(Preflight, pk=pk)
    preflight = reports.ForPlan(None, report)
    response = render(request, "preflight/_for_plan.html", {"preflight": preflight})
    if not report.is_active:
        response["HX-Trigger"] = "preflighted"
    return response


@require_GET
def report(request: HttpRequest, pk: int) -> HttpResponse:
    return render(request, "preflight/report.html", context_of(pk))


@require_GET
def live(request: HttpRequest, pk: int) -> HttpResponse:
    """The piece of a report that changes while it is made."""
    return render(request, "preflight/_live.html", context_of(pk))


@require_GET
def as_json(request: HttpRequest, pk: int) -> JsonResponse:
    return JsonResponse(reports.shown_report(get_object_or_404(Preflight, pk=pk)).as_json())


def context_of(pk: int) -> dict[str, Any]:
    found = get_object_or_404(Preflight, pk=pk)
    pipeline = definition.current()
    return {"told": reports.shown_report(found), "report": found, "plan_query": plan_query(found, pipeline)}


def plan_query(report: Preflight, pipeline: Pipeline) -> str:
    """The launch form for the same tables and dates; empty if no job fills one of them."""
    filled = {table.name for table in pipeline.filled}
    tables = [name for name in report.tables if name in filled]
    named = {"table": tables, "season": report.seasons, "start": report.start, "end": report.end}
    return urlencode(named, doseq=True) if tables else ""
