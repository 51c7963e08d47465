"""Runs to look at: the list, a run with its live piece, its summary."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.http import quote_etag
from django.views.decorators.cache import cache_control
from django.views.decorators.http import etag, require_GET

from apps import exports
from apps.pipeline import definition, filters
from apps.runs.failures import open_failures
from apps.runs.models import Run
from apps.runs.pages import run_list, run_page, run_summary, versions
from apps.runs.pages.run_page import RunPage
from apps.runs.results import outcomes

RUNS_A_PAGE = 50


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    asked = request.GET.get("state", "")
    status = asked if asked in Run.Status.values else ""
    runs = Run.objects.filter(status=status) if status else Run.objects.all()
    page = Paginator(runs, RUNS_A_PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "lines": run_list.lines(page.object_list, now=timezone.now()),
        "status": status,
        "problem": filters.problem({"state": asked}, {"state": status}),
        "statuses": Run.Status.choices,
        "counts": run_list.counts_by_status(),
        "query": f"state={status}&" if status else "",
    }
    return render(request, "runs/index.html", context)


@require_GET
def detail(request: HttpRequest, pk: int) -> HttpResponse:
    run = get_object_or_404(Run.objects.select_related("retry_of"), pk=pk)
    return render(request, "runs/detail.html", shown(run))


def validator(request: HttpRequest, pk: int) -> str | None:
    found = versions.version(pk, now=timezone.now())
    return quote_etag(found[1]) if found else None


@require_GET
@cache_control(private=True, no_cache=True)
@etag(validator)
def live(request: HttpRequest, pk: int) -> HttpResponse:
    """The part of a run's page that changes; 304 if the browser has it already, by its If-None-Match."""
    run = get_object_or_404(Run.objects.select_related("retry_of"), pk=pk)
    context = shown(run)
    head_is_old = request.GET.get("head") != context["head_version"]
    return render(request, "runs/_refresh.html", context | {"head_is_old": head_is_old})


def shown(run: Run) -> dict[str, object]:
    """What the page and its refreshes are drawn from. The version comes first: what changes meanwhile is new."""
    now = timezone.now()
    head, body = versions.version(run.pk, now=now) or ("", "")
    watched: RunPage = run_page.run_page(run, definition.current(), now=now)
    return {"run": run, "watched": watched, "head_version": head, "version": body}


@require_GET
def summary(request: HttpRequest, pk: int) -> HttpResponse:
    """A finished run on a page to print and send."""
    run = get_object_or_404(Run.objects.select_related("retry_of"), pk=pk)
    if not run.is_finished:
        messages.info(request, f"Run {run.pk} is not finished yet. Its summary is there when it is.")
        return redirect(run)
    context = {"run": run, "summary": run_summary.summary(run, definition.current())}
    return render(request, "runs/summary.html", context)


@require_GET
def failures_csv(request: HttpRequest, pk: int) -> StreamingHttpResponse:
    run = get_object_or_404(Run, pk=pk)
    steps = outcomes.failed_or_skipped(run).select_related("attempt")
    return exports.download(
        open_failures.csv_lines(steps, base_url=base_url(request)), f"run-{run.pk}-failures.csv"
    )


def base_url(request: HttpRequest) -> str:
    return f"{request.scheme}://{request.get_host()}"
