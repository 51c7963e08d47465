"""Creates one message for each event that people are notified of, however often it is called."""

from __future__ import annotations

import logging
from typing import Any

from css_inline import CSSInliner
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.html import linebreaks
from django.utils.text import Truncator

from apps import mail_server, timing
from apps.alerts.models import Message
from apps.alerts.report import FIRST_FAILURE, STALLED, STATES, Report
from apps.runs.models import Event, EventQuerySet, Run

log = logging.getLogger(__name__)

# Not a cancelled run: the person who cancelled it knows.
ENDED = (Run.Status.SUCCEEDED, Run.Status.FAILED)
PAUSED = Run.Status.PAUSED
TROUBLE = (STALLED, FIRST_FAILURE)
NOTIFIED = (*ENDED, PAUSED, *TROUBLE)
# Pauses that no operator asked for.
UNREQUESTED = tuple(STATES)

# Most mail programs drop style sheets; the others use its rules for phones and dark screens.
INLINER = CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)
LONGEST_SUBJECT = 200
IN_THE_OUTBOX = "operator@localhost"


def create_messages() -> int:
    """Creates the messages of all due events; returns how many."""
    return sum(create_message(event) for event in due_events())


def due_events() -> EventQuerySet:
    """Runs that ended; and runs that wait for a person or are in trouble, as long as they do."""
    now = timezone.now()
    same = Event.objects.filter(run=OuterRef("run"), kind=OuterRef("kind"))
    is_last = ~Exists(same.filter(pk__gt=OuterRef("pk")))
    no_recent_wait = ~Exists(same.filter(told_at__gt=now - timing.BETWEEN_WAIT_MAILS))
    no_recent_failure = ~Exists(same.filter(told_at__gt=now - timing.BETWEEN_FAILURE_MAILS))
    ended = Q(kind__in=ENDED)
    waits = Q(kind=PAUSED, run__status=PAUSED, run__pause_reason__in=UNREQUESTED)
    first_wait = Q(run__again_at=None) | Q(run__waits__lte=1) | no_recent_wait
    stalled = Q(kind=STALLED, run__status=Run.Status.RUNNING)
    failing = Q(kind=FIRST_FAILURE, run__status=Run.Status.RUNNING) & no_recent_failure
    goes_on = (waits & first_wait) | stalled | failing
    news = Event.objects.untold(NOTIFIED).filter(ended | (goes_on & is_last))
    return news.select_related("run__launched_by_user").order_by("id")


def create_message(event: Event) -> bool:
    """Saves the event's message and marks the event, in one transaction; False if another worker did."""
    message = message_about(event)
    with transaction.atomic():
        if not Event.objects.filter(pk=event.pk, told_at=None).update(told_at=timezone.now()):
            return False  # another worker got there first
        message.save()
    return True


def message_about(event: Event) -> Message:
    """The message about an event, not saved yet."""
    message = Message(event_id=event.pk, run_id=event.run_id, to=recipients(event.run))
    try:
        report = Report(event.run, event)
        message.subject = in_one_line(report.subject)
        message.text, message.html = render_mail("run", {"report": report})
        message.csv = report.csv
    except Exception as error:  # a fault in the report must not keep people from hearing that a run ended
        log.exception("The report of %s could not be written", event.run)
        message.subject = in_one_line(f"{event.kind.upper()} - {event.run.title}")
        message.text = (
            f"{event.run}: {event.text}\n\n{settings.BASE_URL}{reverse('runs:detail', args=[event.run_id])}\n\n"
            f"The full report could not be written: {type(error).__name__}: {error}\n"
        )
        message.html = linebreaks(message.text, autoescape=True)
    return message


def render_mail(template: str, context: dict[str, Any]) -> tuple[str, str]:
    """Text and HTML of a mail."""
    text = render_to_string(f"alerts/mail/{template}.txt", context).strip() + "\n"
    return text, INLINER.inline(render_to_string(f"alerts/mail/{template}.html", context))


def in_one_line(subject: str) -> str:
    return Truncator(" ".join(subject.split())).chars(LONGEST_SUBJECT)


def recipients(run: Run | None) -> list[str]:
    """The addresses of the person who launched the run and of ALERTS_TO, each once."""
    user = run.launched_by_user if run else None
    own = [user.email] if user and user.is_active and user.email else []
    addresses = {address.casefold(): address for address in [*own, *settings.ALERTS_TO]}
    if not addresses and settings.OUTBOX_DIR and mail_server.folder():
        return [IN_THE_OUTBOX]
    return list(addresses.values())


def send_again(message: Message) -> None:
    """Queues an undelivered message again. One without a recipient goes to those that it would have now."""
    run = Run.objects.filter(pk=message.run_id).first() if message.run_id else None
    message.send_again(timezone.now(), to=message.to or recipients(run))
