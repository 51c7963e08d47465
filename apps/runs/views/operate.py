"""What an operator does to a run: each is one verb, and back to the run's page."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
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

operator = permission_required("runs.operate_run", raise_exception=True)
View = Callable[[HttpRequest, int], HttpResponse]


def view_of(verb: Callable[..., None]) -> View:
    """The view of a verb that takes a run, who asks for it, and why."""

    @require_POST
    @operator
    def view(request: HttpRequest, pk: int) -> HttpResponse:
        return perform(request, pk, verb)

    return view


pause = view_of(control.pause)
stop = view_of(control.stop)
resume = view_of(control.resume)
cancel = view_of(control.cancel)
release = view_of(control.release_canary)
override = view_of(Run.override_gates)


@require_POST
@operator
def start_phase(request: HttpRequest, pk: int) -> HttpResponse:
    return perform(request, pk, partial(control.start_phase, phase=request.POST.get("phase", "")))


@require_POST
@operator
def set_lanes(request: HttpRequest, pk: int) -> HttpResponse:
    most = definition.current().warehouse.most_lanes

    def set_concurrency(run: Run, *, by: object, reason: str) -> None:
        control.set_concurrency(run, lanes_of(request.POST), by=by, most=most)

    return perform(request, pk, set_concurrency)


@require_POST
@operator
def retry(request: HttpRequest, pk: int) -> HttpResponse:
    """Leads to the plan of a retry; nothing is launched here."""
    run = get_object_or_404(Run, pk=pk)
    named = [("retry", str(run.pk)), *(("signature", text) for text in request.POST.getlist("signature"))]
    return redirect(f"{reverse('runs:new')}?{urlencode(named)}")


def perform(request: HttpRequest, pk: int, verb: Callable[..., None]) -> HttpResponse:
    """Calls the verb with who and why. A refusal names the last thing that an operator did to the run."""
    run = get_object_or_404(Run, pk=pk)
    try:
        verb(run, by=request.user, reason=reason_of(request.POST))
    except ReasonRequired as refusal:
        messages.warning(request, str(refusal))
    except IllegalMove as refusal:
        last = run.events.exclude(by="").order_by("-id").first()
        before = f" Last, {last.by}: {last.text.rstrip('.')}." if last else ""
        messages.warning(request, f"{refusal}{before}")
    return redirect(run)
