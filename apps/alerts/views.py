"""The outbox of the demo: every message with its delivery state, as its recipients got it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from csp.constants import NONE, SELF, UNSAFE_INLINE
from csp.decorators import csp, csp_update
from django.conf import settings
from django.contrib import messages as flash
from django.contrib.auth.decorators import permission_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_GET, require_POST

from apps import mail_server
from apps.alerts import delivery, messages, tasks
from apps.alerts.models import Message

MESSAGES_A_PAGE = 50
View = Callable[..., HttpResponse]

# A mail has its own styles, and nothing else: no script, no picture, no form.
MAIL_POLICY = {
    "default-src": [NONE],
    "style-src": [UNSAFE_INLINE],
    "form-action": [NONE],
    "base-uri": [NONE],
    "frame-ancestors": [SELF],
    "sandbox": ["allow-top-navigation-by-user-activation"],
}


def in_the_outbox(view: View) -> View:
    """A page of the outbox, which exists only if OUTBOX_DIR is set."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if settings.OUTBOX_DIR is None:
            raise Http404("There is no outbox here: mails leave.")
        return view(request, *args, **kwargs)

    return wrapped


@require_GET
@in_the_outbox
def index(request: HttpRequest) -> HttpResponse:
    found = Message.objects.defer("text", "html", "csv")
    page = Paginator(found, MESSAGES_A_PAGE).get_page(request.GET.get("page"))
    return render(request, "alerts/outbox.html", {"page": page, "folder": mail_server.folder()})


@csp_update({"frame-src": [SELF]})
@require_GET
@in_the_outbox
def message(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(Message, pk=pk)
    context = {"message": found, "as_text": request.GET.get("part") == "text", "folder": mail_server.folder()}
    return render(request, "alerts/message.html", context)


@csp(MAIL_POLICY)
@require_GET
@in_the_outbox
@xframe_options_sameorigin
def html(request: HttpRequest, pk: int) -> HttpResponse:
    """The HTML part, for the frame in the message's page; its links open in the whole window."""
    found = get_object_or_404(Message, pk=pk)
    return HttpResponse(found.html.replace("<head>", '<head><base target="_top">', 1))


@require_GET
@in_the_outbox
def failures_csv(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(Message.objects.exclude(csv=""), pk=pk)
    headers = {"Content-Disposition": f'attachment; filename="{delivery.csv_name(found)}"'}
    return HttpResponse(found.csv, content_type="text/csv; charset=utf-8", headers=headers)


@require_POST
@permission_required("runs.operate_run", raise_exception=True)
def send_again(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    """Queues one undelivered message, or all of them, again. Works without an outbox too."""
    undelivered = Message.objects.undelivered()
    again = undelivered if pk is None else undelivered.filter(pk=pk)
    for each in again:
        messages.send_again(each)
    tasks.deliver_later()
    flash.info(request, "A worker tries again now.")
    return redirect(back(request))


def back(request: HttpRequest) -> str:
    """The page that the button was on."""
    here = request.POST.get("next", "")
    return here if url_has_allowed_host_and_scheme(here, allowed_hosts={request.get_host()}) else "overview"
