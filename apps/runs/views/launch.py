"""The launch form with its live plan. What is launched is the plan that the person saw, or nothing."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from apps.coverage.models import Scan
from apps.pipeline import definition
from apps.runs import control
from apps.runs.control import LaunchRefused
from apps.runs.pages import launch_plan
from apps.runs.pages.launch_form import PlanForm
from apps.runs.plans import presets
from apps.runs.plans.plan import Plan
from apps.runs.plans.selections import PlanRefused
from apps.runs.preflight import reports


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    if request.method == "POST" and "show" not in request.POST:
        return launch(request)
    asked = PlanForm if request.method == "POST" else PlanForm.of_link
    form = asked(request.POST or request.GET, definition.current())
    return page(request, form, form.plan())


def launch(request: HttpRequest) -> HttpResponse:
    if not request.user.has_perm("runs.operate_run"):
        raise PermissionDenied
    form = PlanForm(request.POST, definition.current())
    plan = form.plan()
    if plan is None:
        return page(request, form, None, status=422)
    try:
        launch_plan.check_seen(
            plan, digest=request.POST.get("seen", ""), steps=request.POST.get("seen_steps", "")
        )
        run = control.launch(
            plan,
            form.pipeline,
            by=request.user,
            note=form.cleaned_data["note"],
            retry_of=form.retry_of,
            options=form.options,
            unready=form.cleaned_data["unready"],
        )
    except PlanRefused as refusal:
        form.add_error(refusal.about or None, str(refusal))
        return page(request, form, plan, status=422)
    except LaunchRefused as refusal:
        messages.warning(request, str(refusal))
        return page(request, form, form.plan(), status=409)
    messages.success(request, f"Run {run.pk} is in the queue.")
    return redirect(run)


def page(request: HttpRequest, form: PlanForm, plan: Plan | None, *, status: int = 200) -> HttpResponse:
    gaps = presets.gaps(form.pipeline)
    context = drawn(form, plan) | {
        "tree": form.tree(gaps),
        "seasons": [(season, str(gaps.by_season[season.name])) for season in form.pipeline.seasons],
        "gaps": gaps,
        "presets": presets.presets(form.pipeline, gaps),
        "here": request.META.get("QUERY_STRING", ""),
        "scan": Scan.objects.latest_reading(),
    }
    return render(request, "runs/new.html", context, status=status)


@require_GET
def steps_behind(request: HttpRequest) -> HttpResponse:
    """How many steps the plan has to which a link leads, and how many would be skipped: what its button says."""
    form = PlanForm.of_link(request.GET, definition.current())
    found = form.plan()
    shown: dict[str, object] = {"steps": 0}
    if found is not None:
        shown = {"steps": len(found.steps) if found.is_known else None, "blocked": found.blocked}
    return HttpResponse(render_to_string("runs/_steps_behind.html", shown).strip())


@require_GET
def plan(request: HttpRequest) -> HttpResponse:
    """The plan of the form as it stands, to be shown beside it."""
    form = PlanForm(request.GET, definition.current())
    return render(request, "runs/_plan.html", drawn(form, form.plan()))


def drawn(form: PlanForm, plan: Plan | None) -> dict[str, Any]:
    shown = None
    if plan is not None:
        shown = launch_plan.draw(plan, form.pipeline, now=timezone.now(), options=form.options)
    preflight = reports.for_plan(plan, form.pipeline) if plan is not None and plan.steps else None
    return {"form": form, "plan": shown, "preflight": preflight}
