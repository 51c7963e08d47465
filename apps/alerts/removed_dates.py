"""One mail when dates leave the calendar, since every percentage looks better then."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings
from django.urls import reverse

from apps.alerts import scan_mails
from apps.alerts.models import Message
from apps.coverage.calendar import removed_dates
from apps.coverage.models import RemovedDate

SUBJECT = "CALENDAR"
COLUMNS = ("date", "season", "units", "removed_at")


def create_message() -> int:
    """Saves a message about removed dates that were not mailed yet; returns how many messages (1 or 0)."""
    return scan_mails.create_message(new_dates, message_about)


def new_dates() -> list[RemovedDate]:
    away = list(RemovedDate.objects.open())
    mailed = scan_mails.mailed(SUBJECT, "date", "removed_at") if away else set()
    return [each for each in away if (str(each.date), each.removed_at.isoformat()) not in mailed]


def message_about(found: Sequence[RemovedDate]) -> Message:
    """All dates that are removed now, and as CSV what is new of them."""
    removed = removed_dates.open_now()
    assert removed
    link = f"{settings.BASE_URL}{reverse('coverage:calendar')}#removed"
    return scan_mails.message(
        "removed_dates",
        f"{SUBJECT} - {removed_dates.number(len(found))} left it",
        {"removed": removed, "link": link},
        COLUMNS,
        ((each.date, each.season, each.units, each.removed_at) for each in found),
    )
