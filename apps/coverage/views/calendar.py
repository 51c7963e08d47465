"""Which dates are expected, why the others are not, and what is wrong with that."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from apps.coverage import calendar_report
from apps.coverage.models import Scan
from apps.pipeline import definition


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    pipeline = definition.current()
    report = calendar_report.report(pipeline, now=timezone.now())
    context = {
        "report": report,
        "coverage": report.known,
        "legend": calendar_report.legend(report, pipeline.calendar.unit),
        "unit": pipeline.calendar.unit,
        "timezone": pipeline.timezone,
        "scan": Scan.objects.active().first(),
    }
    return render(request, "coverage/calendar.html", context)
