"""Sends waiting messages, and stores why one could not be sent."""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.utils import timezone

from apps.alerts.models import Message

log = logging.getLogger(__name__)

NO_RECIPIENT = "it has no recipient: give the person who launches an e-mail address, or set ALERTS_TO"


def send_due() -> int:
    """Tries to send every due message; returns how many were sent."""
    waiting = Message.objects.due(timezone.now())
    return sum(send(message) for message in waiting if message.claim(timezone.now()))


def send(message: Message) -> bool:
    """One try to send a message that the caller has claimed; whether it was sent."""
    if not message.to:
        message.not_sent(NO_RECIPIENT, for_good=True)
        return False
    try:
        mail(message).send()
    except Exception as error:  # any error of a mail backend is the reason why the message was not sent
        log.warning("message %s was not sent: %s", message.pk, error)
        message.not_sent(f"{type(error).__name__}: {error}")
        return False
    message.sent(timezone.now())
    return True


def mail(message: Message) -> EmailMultiAlternatives:
    """The message as a mail: text, HTML, and its CSV attached."""
    mail = EmailMultiAlternatives(message.subject, message.text, to=message.to, headers=headers(message))
    mail.attach_alternative(message.html, "text/html")
    if message.csv:
        mail.attach(csv_name(message), message.csv, "text/csv")
    return mail


def csv_name(message: Message) -> str:
    return f"failures-run-{message.run_id}.csv" if message.run_id else f"message-{message.pk}.csv"


def headers(message: Message) -> dict[str, str]:
    """A mail sent twice has one id; mails about one run are one thread; out-of-office replies are suppressed."""
    host = urlsplit(settings.BASE_URL).hostname or "localhost"
    thread = f"run-{message.run_id}" if message.run_id else "coverage"
    return {
        "Message-ID": f"<message-{message.pk}-{message.created_at:%Y%m%d%H%M%S}@{host}>",
        "References": f"<{thread}@{host}>",
        "Auto-Submitted": "auto-generated",
    }
