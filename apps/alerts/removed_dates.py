"""One mail when dates leave the calendar, since every percentage looks better then."""

from __future__ import annotations

import csv
import io

from django.conf import settings
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse

from apps import exports
from apps.alerts import messages
from apps.alerts.models import Message
from apps.coverage.calendar import removed_dates
from apps.coverage.models import RemovedDate, Scan

SUBJECT = "CALENDAR"
COLUMNS = ("date", "season", "units", "removed_at")

Key = tuple[str, str]  # date, when it was removed


def tell() -> int:
    """Makes a message of what nobody was told of yet; answers how many (1 or 0). The same removal is told once."""
    if not untold():
        return 0
    with transaction.atomic():
        list(Scan.objects.select_for_update().order_by("-pk")[:1])  # one at a time
        found = untold()
        if found:
            written(found).save()
    return bool(found)


def untold() -> list[RemovedDate]:
    away = list(RemovedDate.objects.open())
    told = {key for message in told_before() for key in keys_of(message)} if away else set()
    return [each for each in away if key(each) not in told]


def told_before() -> list[Message]:
    return list(Message.objects.filter(event_id=None, subject__startswith=f"{SUBJECT} - ").only("csv"))


def keys_of(message: Message) -> list[Key]:
    return [(row["date"], row["removed_at"]) for row in csv.DictReader(io.StringIO(message.csv))]


def key(removed: RemovedDate) -> Key:
    return str(removed.date), removed.removed_at.isoformat()


def written(found: list[RemovedDate]) -> Message:
    """The message, not saved yet: all that is away by now, and as CSV what is new of it."""
    removed = removed_dates.open_now()
    assert removed
    path = f"{reverse('coverage:calendar')}#removed"
    subject = f"{SUBJECT} - {removed_dates.number(len(found))} left it"
    context = {"removed": removed, "link": settings.BASE_URL + path, "subject": subject}
    return Message(
        to=messages.recipients(None),
        subject=messages.in_one_line(subject),
        text=render_to_string("alerts/mail/removed_dates.txt", context).strip() + "\n",
        html=messages.INLINER.inline(render_to_string("alerts/mail/removed_dates.html", context)),
        csv=lines(found),
    )


def lines(found: list[RemovedDate]) -> str:
    return exports.csv_text(
        COLUMNS, ((each.date, each.season, each.units, each.removed_at) for each in found)
    )
