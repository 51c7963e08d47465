"""Verifications: the form, the list of reports, a report with its downloads."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from apps import exports
from apps.coverage import tasks
from apps.coverage.models import Verification
from apps.coverage.verification import report_files, report_page, verifier
from apps.coverage.verification.report import Report, Verdict, verdict_in_words
from apps.coverage.verification.scope import VerifyForm
from apps.pipeline import definition
from apps.pipeline.definition import Pipeline

REPORTS_A_PAGE = 30


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """What was verified, and a form that an address may have filled."""
    return page(request, VerifyForm(request.GET, definition.current()))


@require_POST
@permission_required("coverage.operate_coverage", raise_exception=True)
def start(request: HttpRequest) -> HttpResponse:
    form = VerifyForm(request.POST, definition.current())
    if not form.is_valid() or form.scope is None:
        return page(request, form, status=422)
    requested = tasks.verify_later(form.pipeline, form.scope, by=request.user.get_username())
    messages.success(request, f"Verification {requested.pk} is in the queue.")
    return redirect(requested)


def page(request: HttpRequest, form: VerifyForm, *, status: int = 200) -> HttpResponse:
    pipeline = form.pipeline
    found = Verification.objects.defer("report")
    reports = Paginator(found, REPORTS_A_PAGE).get_page(request.GET.get("page"))
    context = {
        "form": form,
        "page": reports,
        "lines": [(each, in_a_word(each), css_class(each)) for each in reports],
        "groups": [(phase, pipeline.tables_of(phase.name)) for phase in pipeline.phases],
        "seasons": pipeline.seasons,
        "here": request.META.get("QUERY_STRING", ""),
    }
    return render(request, "verify/index.html", context, status=status)


def css_class(found: Verification) -> str:
    return report_page.CLASS[Verdict(found.verdict)] if found.verdict else found.status


def in_a_word(found: Verification) -> str:
    return verdict_in_words(found.verdict, found.accepted) or found.get_status_display().lower()


@require_GET
def report(request: HttpRequest, pk: int) -> HttpResponse:
    """A report, or how far it is: then a piece that asks again until it is there."""
    found = get_object_or_404(Verification, pk=pk)
    if request.headers.get("HX-Request"):
        response = render(request, "verify/_stage.html", {"verification": found})
        if not found.is_active:
            response["HX-Refresh"] = "true"
        return response
    return render(request, "verify/report.html", shown(found, definition.current()))


def shown(found: Verification, pipeline: Pipeline) -> dict[str, Any]:
    made = verifier.report_of(found)
    return {"verification": found, "drawn": report_page.draw(made, pipeline) if made else None}


# Downloads ------------------------------------------------------------------------------------------


@require_GET
def csv(request: HttpRequest, pk: int) -> StreamingHttpResponse:
    _, made = report_or_404(pk)
    return exports.download(report_files.csv_lines(made), f"verification-{pk}.csv")


@require_GET
def as_json(request: HttpRequest, pk: int) -> JsonResponse:
    return JsonResponse(report_files.as_json(*report_or_404(pk)))


def report_or_404(pk: int) -> tuple[Verification, Report]:
    found = get_object_or_404(Verification, pk=pk)
    made = verifier.report_of(found)
    if made is None:
        raise Http404(f"Verification {pk} has no report (yet).")
    return found, made
