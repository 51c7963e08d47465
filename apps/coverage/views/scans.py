"""The scans that were made, a scan on demand, and how far it is."""

from __future__ import annotations

from django.contrib.auth.decorators import permission_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from apps.coverage import tasks
from apps.coverage.models import Scan

A_PAGE = 40


@require_http_methods(["GET", "HEAD", "POST"])
def scans(request: HttpRequest) -> HttpResponse:
    return start_scan(request) if request.method == "POST" else index(request)


def index(request: HttpRequest) -> HttpResponse:
    """All scans with what they took, the latest first."""
    found = Scan.objects.select_related("requested_by")
    page = Paginator(found, A_PAGE).get_page(request.GET.get("page"))
    answered = Scan.objects.latest_reading()
    context = {
        "page": page,
        "active": Scan.objects.active().first(),
        "answered_at": answered.finished_at if answered else None,
    }
    return render(request, "coverage/scans.html", context)


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
