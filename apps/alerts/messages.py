"""Makes one message of each event that people are notified of, however often it is asked to."""

from __future__ import annotations

import datetime as dt
import logging

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

# A cancelled run is not told: whoever cancelled it was there.
ENDED = (Run.Status.SUCCEEDED, Run.Status.FAILED)
PAUSED = Run.Status.PAUSED
TROUBLE = (STALLED, FIRST_FAILURE)
TOLD = (*ENDED, PAUSED, *TROUBLE)
# Pauses that wait for a person who does not know yet; a pause that an operator asked for does not.
UNASKED = tuple(STATES)

# Mail programs drop style sheets; those that keep one honour what it says of phones and dark screens.
INLINER = CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)
LONGEST_SUBJECT = 200
IN_THE_OUTBOX = "operator@localhost"


def tell() -> int:
    """Makes the messages that are due; answers how many."""
    return sum(tell_of(event) for event in events_to_tell())


def events_to_tell() -> EventQuerySet:
    """Runs that ended, that wait for a person, or that are in trouble; what is over is no news any more."""
    ended = Q(kind__in=ENDED)
    waits = Q(kind=PAUSED, run__status=PAUSED, run__pause_reason__in=UNASKED)
    first_wait = Q(run__again_at=None) | Q(run__waits__lte=1) | ~Exists(told_since(timing.BETWEEN_WAIT_MAILS))
    stalled = Q(kind=STALLED, run__status=Run.Status.RUNNING)
    failing = Q(kind=FIRST_FAILURE, run__status=Run.Status.RUNNING) & ~Exists(
        told_since(timing.BETWEEN_FAILURE_MAILS)
    )
    goes_on = (waits & first_wait) | stalled | failing
    news = Event.objects.untold(TOLD).filter(ended | (goes_on & ~Exists(later())))
    return news.select_related("run__launched_by_user").order_by("id")


def later() -> EventQuerySet:
    """Newer events of the same run and kind: the last one tells it all."""
    return Event.objects.filter(run=OuterRef("run"), kind=OuterRef("kind"), pk__gt=OuterRef("pk"))


def told_since(ago: dt.timedelta) -> EventQuerySet:
    """Events of the same run and kind that were told by now."""
    same = Event.objects.filter(run=OuterRef("run"), kind=OuterRef("kind"))
    return same.filter(told_at__gt=timezone.now() - ago)


def tell_of(event: Event) -> bool:
    """Makes the event's message and marks it as told, in one transaction; False where somebody else did."""
    message = written(event)
    with transaction.atomic():
        if not Event.objects.filter(pk=event.pk, told_at=None).update(told_at=timezone.now()):
            return False  # another worker got there first
        message.save()
    return True


def written(event: Event) -> Message:
    """The message about an event, not saved yet."""
    message = Message(event_id=event.pk, run_id=event.run_id, to=recipients(event.run))
    try:
        report = Report(event.run, event)
        message.subject = in_one_line(report.subject)
        message.text = render_to_string("alerts/mail/run.txt", {"report": report}).strip() + "\n"
        message.html = INLINER.inline(render_to_string("alerts/mail/run.html", {"report": report}))
        message.csv = report.csv
    except Exception as error:  # people hear that a run ended even where its report has a fault
        log.exception("The report of %s could not be written", event.run)
        message.subject = in_one_line(f"{event.kind.upper()} - {event.run.title}")
        message.text = (
            f"{event.run}: {event.text}\n\n{settings.BASE_URL}{reverse('runs:detail', args=[event.run_id])}\n\n"
            f"The full report could not be written: {type(error).__name__}: {error}\n"
        )
        message.html = linebreaks(message.text, autoescape=True)
    return message


def in_one_line(subject: str) -> str:
    return Truncator(" ".join(subject.split())).chars(LONGEST_SUBJECT)


def recipients(run: Run | None) -> list[str]:
    """Who is told: whoever launched the run and everybody in ALERTS_TO, each once."""
    user = run.launched_by_user if run else None
    own = [user.email] if user and user.is_active and user.email else []
    everybody = {address.casefold(): address for address in [*own, *settings.ALERTS_TO]}
    if not everybody and settings.OUTBOX_DIR and mail_server.folder():
        return [IN_THE_OUTBOX]
    return list(everybody.values())


def send_again(message: Message) -> None:
    """Puts an undelivered message back in line. One that nobody was to get goes to whom it would go now."""
    run = Run.objects.filter(pk=message.run_id).first() if message.run_id else None
    message.send_again(timezone.now(), to=message.to or recipients(run))
