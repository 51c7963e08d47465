"""Which dates are expected, why the others are not, and what is wrong with that."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from apps.coverage.calendar import calendar_report, removed_dates
from apps.coverage.calendar.removed_dates import CannotConfirm
from apps.coverage.models import Scan
from apps.pipeline import definition

LONGEST_NOTE = 500
CONFIRMATIONS_SHOWN = 20


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    pipeline = definition.current()
    report = calendar_report.report(pipeline, now=timezone.now())
    context = {
        "report": report,
        "freshness": report.known,
        "legend": calendar_report.legend(report, pipeline.calendar.unit),
        "unit": pipeline.calendar.unit,
        "timezone": pipeline.timezone,
        "removed": removed_dates.open_now(),
        "confirmations": removed_dates.confirmations(most=CONFIRMATIONS_SHOWN),
        "scan": Scan.objects.active().first(),
    }
    return render(request, "coverage/calendar.html", context)


@require_POST
@permission_required("coverage.operate_coverage", raise_exception=True)
def confirm(request: HttpRequest) -> HttpResponse:
    """A person says that it is right that dates left the calendar."""
    seen = request.POST.get("seen", "")
    try:
        count = removed_dates.confirm(
            by=request.user.get_username(),
            at=timezone.now(),
            seen=int(seen) if seen.isdecimal() else 0,
            note=request.POST.get("note", "").strip()[:LONGEST_NOTE],
        )
    except CannotConfirm as refusal:
        messages.warning(request, str(refusal))
    else:
        messages.success(request, f"Confirmed: {removed_dates.number(count)} left the calendar.")
    return redirect("coverage:calendar")
