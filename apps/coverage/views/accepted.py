"""Accepted gaps: the list with its downloads, accepting, withdrawing."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps import exports
from apps.coverage.accepted import accepted_list, accepting
from apps.coverage.accepted.accept_form import LONGEST_REASON, AcceptForm, CellsForm
from apps.coverage.accepted.accepted_list import STATUSES, AcceptedFilter
from apps.coverage.accepted.accepting import AlreadyWithdrawn, CannotAccept
from apps.coverage.counts import freshness
from apps.coverage.models import AcceptedGap
from apps.coverage.views import maps
from apps.coverage.views.addresses import date_or_404, named_or_404
from apps.pipeline import definition
from apps.pipeline.definition import Pipeline

A_PAGE = 40
may_accept = permission_required("coverage.operate_coverage", raise_exception=True)


# The list -----------------------------------------------------------------------------------------


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """What is accepted, was, and by whom; those that stand first."""
    pipeline = definition.current()
    chosen = AcceptedFilter.of(request.GET, pipeline)
    found = accepted_list.lines(chosen, today=pipeline.today(timezone.now()))
    context = {
        "chosen": chosen,
        "page": Paginator(found, A_PAGE).get_page(request.GET.get("page")),
        "query": f"{chosen.query}&" if chosen.query else "",
        "partitions": sum(line.still for line in found),
        "standing": sum(line.is_standing for line in found),
        "statuses": STATUSES,
        "freshness": freshness.now(),
        "pipeline": pipeline,
        "groups": groups(pipeline),
    }
    return render(request, "coverage/accepted.html", context)


def groups(pipeline: Pipeline) -> list[Any]:
    return [(phase, pipeline.tables_of(phase.name)) for phase in pipeline.phases]


@require_GET
def download(request: HttpRequest, kind: str) -> StreamingHttpResponse:
    pipeline = definition.current()
    chosen = AcceptedFilter.of(request.GET, pipeline)
    found = accepted_list.lines(chosen, today=pipeline.today(timezone.now()))
    return exports.download(accepted_list.file_lines(found, kind), f"accepted-gaps.{kind}")


# Accepting ----------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@may_accept
def new(request: HttpRequest) -> HttpResponse:
    """Which gaps, and why; how many they are stands beside it before anything is accepted."""
    pipeline = definition.current()
    today = pipeline.today(timezone.now())
    if request.method != "POST":
        return page(request, AcceptForm(request.GET, pipeline, today=today, is_bound=False))
    asked = AcceptForm(request.POST, pipeline, today=today)
    if asked.is_valid() and asked.cleaned_data["seen"] is not None:
        return accept(request, asked)
    return answer(request, asked, status=422 if "seen" in request.POST else 200)


def accept(request: HttpRequest, asked: AcceptForm) -> HttpResponse:
    said = asked.cleaned_data
    assert asked.acceptance
    try:
        gap = accepting.accept(
            asked.acceptance,
            reason=said["reason"],
            by=request.user.get_username(),
            until=said["until"],
            seen=said["seen"],
        )
    except CannotAccept as refusal:
        asked.add_error(None, str(refusal))
        return answer(request, asked, status=422)
    if from_cell(request):
        return cell(request)
    messages.success(request, f"{gap.count:,} gap{' is' if gap.count == 1 else 's are'} accepted.")
    return redirect("coverage:accepted")


def answer(request: HttpRequest, asked: AcceptForm, *, status: int) -> HttpResponse:
    """The form again, with what is wrong: where the person filled it in."""
    if from_cell(request):
        problems = [str(error) for errors in asked.errors.values() for error in errors]
        return cell(request, problem=" ".join(problems))
    return page(request, asked, status=status)


def page(request: HttpRequest, asked: AcceptForm, *, status: int = 200) -> HttpResponse:
    """The form with what it would do beside it; of a change only the latter."""
    is_piece = request.headers.get("HX-Target") == "outlook"
    cells = CellsForm(asked.values, asked.pipeline)
    context = {
        "form": asked,
        "cells": cells,
        "outlook": cells.outlook,
        "freshness": freshness.now(),
        "groups": groups(asked.pipeline),
    }
    template = "coverage/_outlook.html" if is_piece else "coverage/accept.html"
    return render(request, template, context, status=status)


# Withdrawing --------------------------------------------------------------------------------------


@require_POST
@may_accept
def withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    gap = get_object_or_404(AcceptedGap, pk=pk)
    reason = request.POST.get("reason", "").strip()[:LONGEST_REASON]
    try:
        count = accepting.withdraw(gap, by=request.user.get_username(), reason=reason)
    except AlreadyWithdrawn as refusal:
        messages.warning(request, str(refusal))
    else:
        if from_cell(request):
            return cell(request)
        messages.success(
            request, f"Withdrawn: {count:,} partition{' is' if count == 1 else 's are'} what was last read."
        )
    return redirect("coverage:accepted")


# From a cell's panel, and back to it ----------------------------------------------------------------


def from_cell(request: HttpRequest) -> bool:
    return "cell" in request.POST


def cell(request: HttpRequest, *, problem: str = "") -> HttpResponse:
    """The panel as it is now; the map and the lists beside it hear of it. Without JavaScript, the cell's page."""
    table, _, date = request.POST["cell"].rpartition(" ")
    pipeline = definition.current()
    found, day = named_or_404(pipeline.table, table), date_or_404(date)
    if not request.headers.get("HX-Request"):
        if problem:
            messages.warning(request, problem)
        return redirect("coverage:partition", found.name, day)
    response = maps.show_partition(request, pipeline, found, day, problem=problem)
    response["HX-Trigger"] = "scanned"
    return response
