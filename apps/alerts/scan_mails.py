"""One mail about each thing that a scan found. The CSV of a message records what was mailed."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from django.db import transaction

from apps import exports
from apps.alerts import messages
from apps.alerts.models import Message
from apps.coverage.models import Scan

T = TypeVar("T")


def create_message(
    find_new: Callable[[], Sequence[T]], message_about: Callable[[Sequence[T]], Message]
) -> int:
    """Saves a message about everything that was not mailed yet; returns how many messages (1 or 0)."""
    if not find_new():
        return 0
    with transaction.atomic():
        list(Scan.objects.select_for_update().order_by("-pk")[:1])  # one worker at a time
        found = find_new()
        if found:
            message_about(found).save()
    return bool(found)


def mailed(subject: str, *columns: str) -> set[tuple[str, ...]]:
    """These columns of every row in the CSV of earlier messages with this beginning of the subject."""
    earlier = Message.objects.filter(event_id=None, subject__startswith=f"{subject} - ").only("csv")
    rows = (row for message in earlier for row in csv.DictReader(io.StringIO(message.csv)))
    return {tuple(row[column] for column in columns) for row in rows}


def message(
    template: str,
    subject: str,
    context: dict[str, Any],
    columns: Sequence[str],
    rows: Iterable[Iterable[Any]],
) -> Message:
    """The message, not saved yet, with the rows as its CSV."""
    text, html = messages.render_mail(template, {**context, "subject": subject})
    return Message(
        to=messages.recipients(None),
        subject=messages.in_one_line(subject),
        text=text,
        html=html,
        csv=exports.csv_text(columns, rows),
    )
