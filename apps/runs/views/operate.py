"""What an operator does to a run: each is one verb, and back to the run's page."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from apps.pipeline import definition
from apps.runs import control, options
from apps.runs.models import IllegalMove, Run
from apps.runs.wishes import lanes_of, reason_of

operator = permission_required("runs.operate_run", raise_exception=True)


@require_POST
@operator
def pause(request: HttpRequest, pk: int) -> HttpResponse:
    return perform(request, pk, lambda run: control.pause(run, by=request.user))


@require_POST
@operator
def stop(request: HttpRequest, pk: int) -> HttpResponse:
    return perform(request, pk, lambda run: control.stop(run, by=request.user))


@require_POST
@operator
def resume(request: HttpRequest, pk: int) -> HttpResponse:
    return perform(
        request, pk, lambda run: control.resume(run, by=request.user, reason=reason_of(request.POST))
    )


@require_POST
@operator
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    return perform(request, pk, lambda run: control.cancel(run, by=request.user))


@require_POST
@operator
def start_phase(request: HttpRequest, pk: int) -> HttpResponse:
    phase = request.POST.get("phase", "")
    return perform(request, pk, lambda run: control.start_phase(run, phase, by=request.user))


@require_POST
@operator
def release(request: HttpRequest, pk: int) -> HttpResponse:
    return perform(request, pk, lambda run: control.release_canary(run, by=request.user))


@require_POST
@operator
def override(request: HttpRequest, pk: int) -> HttpResponse:
    return perform(
        request, pk, lambda run: control.override_gates(run, by=request.user, reason=reason_of(request.POST))
    )


@require_POST
@operator
def set_lanes(request: HttpRequest, pk: int) -> HttpResponse:
    most = options.most_lanes(definition.current())
    return perform(
        request,
        pk,
        lambda run: control.set_lanes(run, lanes_of(request.POST), by=request.user, most=most),
    )


@require_POST
@operator
def retry(request: HttpRequest, pk: int) -> HttpResponse:
    """Leads to the plan of a retry; nothing is launched here."""
    run = get_object_or_404(Run, pk=pk)
    named = [("retry", str(run.pk)), *(("signature", text) for text in request.POST.getlist("signature"))]
    return redirect(f"{reverse('runs:new')}?{urlencode(named)}")


def perform(request: HttpRequest, pk: int, verb: Callable[[Run], None]) -> HttpResponse:
    run = get_object_or_404(Run, pk=pk)
    try:
        verb(run)
    except IllegalMove as refusal:
        messages.warning(request, str(refusal))
    return redirect(run)
