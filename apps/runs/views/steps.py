"""The steps of a run, each with its rows before and after: as a list, and as a file."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from apps import exports
from apps.runs.models import Run
from apps.runs.pages import step_list
from apps.runs.pages.run_tables import layout_of
from apps.runs.pages.step_list import StepFilter

STEPS_A_PAGE = 50
STEPS_AT_ONCE = 2000  # read at a time for a file


@require_GET
def steps(request: HttpRequest, pk: int) -> HttpResponse:
    run = get_object_or_404(Run, pk=pk)
    chosen = StepFilter.of(request.GET, tables_of(run))
    context = {
        "run": run,
        "chosen": chosen,
        "page": Paginator(chosen.steps(run), STEPS_A_PAGE).get_page(request.GET.get("page")),
        "query": f"{chosen.query}&" if chosen.query else "",
        "tables": tables_of(run),
        "states": list(step_list.STATES),
    }
    return render(request, "runs/steps.html", context)


@require_GET
def steps_csv(request: HttpRequest, pk: int) -> StreamingHttpResponse:
    run = get_object_or_404(Run, pk=pk)
    found = StepFilter.of(request.GET, tables_of(run)).steps(run).iterator(chunk_size=STEPS_AT_ONCE)
    return exports.download(step_list.csv_lines(found), f"run-{run.pk}-steps.csv")


def tables_of(run: Run) -> list[str]:
    return [table for table, _ in layout_of(run).steps]
