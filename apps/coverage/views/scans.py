"""A scan on demand, and how far it is."""

from __future__ import annotations

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from apps.coverage import tasks
from apps.coverage.models import Scan


@require_POST
@permission_required("coverage.operate_coverage", raise_exception=True)
def start_scan(request: HttpRequest) -> HttpResponse:
    scan = tasks.scan_later(by=request.user)
    if request.headers.get("HX-Request"):
        return render(request, "coverage/_scan.html", {"scan": scan})
    return redirect("coverage:scan", scan.pk)


@require_GET
def scan(request: HttpRequest, pk: int) -> HttpResponse:
    """How far a scan is: a piece that asks again until the scan is over, or a page of its own."""
    found = get_object_or_404(Scan.objects.select_related("requested_by"), pk=pk)
    if not request.headers.get("HX-Request"):
        return render(request, "coverage/scan.html", {"scan": found})
    response = render(request, "coverage/_scan.html", {"scan": found})
    if not found.is_active:
        response["HX-Trigger"] = "scanned"
    return response
