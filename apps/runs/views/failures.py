"""What is still open over all runs, to look through, to download, to plan again."""

from __future__ import annotations

from itertools import chain

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from apps import exports
from apps.coverage import regressions
from apps.pipeline import definition
from apps.runs.failures import failure_groups, open_failures, outside_console
from apps.runs.failures.open_failures import FailureFilter
from apps.runs.views.watch import base_url

RANGES_SHOWN = 20


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    pipeline = definition.current()
    chosen = FailureFilter.of(request.GET, pipeline)
    groups = open_failures.shown_groups(chosen.groups(), most=RANGES_SHOWN)
    context = {
        "chosen": chosen,
        "groups": groups,
        "losses": regressions.losses(pipeline, **chosen.where),
        "outside": outside_console.outside(pipeline, chosen, most=RANGES_SHOWN),
        "open": sum(told.group.count for told in groups),
        "off_calendar": failure_groups.off_calendar() if groups else [],
        "pipeline": pipeline,
        "phases": [
            (phase, [t for t in pipeline.tables_of(phase.name) if t.job]) for phase in pipeline.phases
        ],
        "kinds": open_failures.KINDS,
    }
    return render(request, "failures/index.html", context)


@require_GET
def download(request: HttpRequest) -> StreamingHttpResponse:
    pipeline = definition.current()
    chosen = FailureFilter.of(request.GET, pipeline)
    ours = open_failures.csv_lines(chosen.steps(), base_url=base_url(request))
    others = outside_console.csv_lines(pipeline, chosen)
    return exports.download(chain(ours, others), "failures.csv")
