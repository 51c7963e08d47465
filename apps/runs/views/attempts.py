"""The evidence of a run: its calls, what they said, and what became of one partition."""

from __future__ import annotations

import datetime as dt
import os
import shlex

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from apps.pipeline import definition
from apps.pipeline.definition import UnknownName
from apps.runs.calls import logs
from apps.runs.models import Attempt, Run, Step
from apps.runs.results import outcomes

ATTEMPTS_A_PAGE = 50
LINES_SHOWN = 400
RUNS_SHOWN = 10


@require_GET
def attempts(request: HttpRequest, pk: int) -> HttpResponse:
    run = get_object_or_404(Run, pk=pk)
    page = Paginator(outcomes.attempts(run), ATTEMPTS_A_PAGE).get_page(request.GET.get("page"))
    return render(request, "runs/attempts.html", {"run": run, "page": page})


@require_GET
def attempt(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    """One call: its words, folder and environment, its dates, how it ended, and its log."""
    found = attempt_or_404(pk, number)
    context = {
        "attempt": found,
        "run": found.run,
        "command": shlex.join(found.argv),
        "steps": found.steps.order_by("date"),
        "log": logs.last_lines(found.log_path, LINES_SHOWN, is_over=not found.is_running),
        "log_size": logs.size(found.log_path),
        "log_elsewhere": logs.other_machine(found.log_path, found.worker),
    }
    return render(request, "runs/attempt.html", context)


@require_GET
def tail(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    """What the log says since an offset, with the element that asks for more; 286 ends the asking."""
    found = attempt_or_404(pk, number)
    since = request.GET.get("from", "")
    offset = int(since) if since.isdecimal() and len(since) < 16 else 0
    piece = logs.since(found.log_path, offset, is_over=not found.is_running)
    if not piece.lines and found.is_running:
        return HttpResponse(status=204)
    context = {
        "attempt": found,
        "log": piece,
        "goes_on": found.is_running or piece.end < logs.size(found.log_path),
    }
    return render(request, "runs/_log_lines.html", context, status=200 if context["goes_on"] else 286)


@require_GET
def log(request: HttpRequest, pk: int, number: int) -> StreamingHttpResponse:
    """The whole log as plain text, without secrets."""
    found = attempt_or_404(pk, number)
    if not os.access(found.log_path, os.R_OK):
        where = logs.other_machine(found.log_path, found.worker)
        raise Http404(f"The log of {found} lies on {where}." if where else f"{found} has no log.")
    pieces = logs.masked(found.log_path)
    return StreamingHttpResponse(pieces, content_type="text/plain; charset=utf-8")


@require_GET
def partition(request: HttpRequest, table: str, date: dt.date) -> HttpResponse:
    """What runs did about one partition, newest first, for the panel of a coverage cell."""
    try:
        name = definition.current().table(table).name
    except UnknownName as unknown:
        raise Http404(str(unknown)) from None
    steps = Step.objects.filter(table=name, date=date).select_related("run", "attempt").order_by("-id")
    filled_by = steps.filter(status=Step.Status.SUCCEEDED).first()
    return render(request, "runs/_partition.html", {"steps": steps[:RUNS_SHOWN], "filled_by": filled_by})


def attempt_or_404(pk: int, number: int) -> Attempt:
    return get_object_or_404(Attempt.objects.select_related("run"), run=pk, number=number)
