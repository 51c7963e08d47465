"""What an operator does to a run: each is one verb, and back to the run's page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from apps.pipeline import definition
from apps.runs import control
from apps.runs.models import IllegalMove, ReasonRequired, Run
from apps.runs.pages.operator_forms import lanes_of, reason_of
from apps.runs.plans import options

operator = permission_required("runs.operate_run", raise_exception=True)


@require_POST
@operator
def pause(request: HttpRequest, pk: int) -> HttpResponse:
    return perform(request, pk, lambda run, said: control.pause(run, **said))


@require_POST
@operator
def stop(request: HttpRequest, pk: int) -> HttpResponse:
    return perform(request, pk, lambda run, said: control.stop(run, **said))


@require_POST
@operator
def resume(request: HttpRequest, pk: int) -> HttpResponse:
    return perform(request, pk, lambda run, said: control.resume(run, **said))


@require_POST
@operator
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    return perform(request, pk, lambda run, said: control.cancel(run, **said))


@require_POST
@operator
def start_phase(request: HttpRequest, pk: int) -> HttpResponse:
    phase = request.POST.get("phase", "")
    return perform(request, pk, lambda run, said: control.start_phase(run, phase, **said))


@require_POST
@operator
def release(request: HttpRequest, pk: int) -> HttpResponse:
    return perform(request, pk, lambda run, said: control.release_canary(run, **said))


@require_POST
@operator
def override(request: HttpRequest, pk: int) -> HttpResponse:
    return perform(request, pk, lambda run, said: run.override_gates(**said))


@require_POST
@operator
def set_lanes(request: HttpRequest, pk: int) -> HttpResponse:
    most = options.most_lanes(definition.current())
    return perform(
        request,
        pk,
        lambda run, said: control.set_concurrency(run, lanes_of(request.POST), by=said["by"], most=most),
    )


@require_POST
@operator
def retry(request: HttpRequest, pk: int) -> HttpResponse:
    """Leads to the plan of a retry; nothing is launched here."""
    run = get_object_or_404(Run, pk=pk)
    named = [("retry", str(run.pk)), *(("signature", text) for text in request.POST.getlist("signature"))]
    return redirect(f"{reverse('runs:new')}?{urlencode(named)}")


def perform(request: HttpRequest, pk: int, verb: Callable[[Run, dict[str, Any]], None]) -> HttpResponse:
    """The verb, with who and why. Where somebody was quicker, what they did is said beside the refusal."""
    run = get_object_or_404(Run, pk=pk)
    try:
        verb(run, {"by": request.user, "reason": reason_of(request.POST)})
    except ReasonRequired as refusal:
        messages.warning(request, str(refusal))
    except IllegalMove as refusal:
        last = run.events.exclude(by="").order_by("-id").first()
        before = f" Last, {last.by}: {last.text.rstrip('.')}." if last else ""
        messages.warning(request, f"{refusal}{before}")
    return redirect(run)
