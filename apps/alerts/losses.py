"""One mail when complete dates lose rows, found by a scan."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings
from django.urls import reverse

from apps import exports
from apps.alerts import scan_mails
from apps.alerts.models import Message
from apps.coverage import regressions
from apps.coverage.models import Partition
from apps.coverage.regressions import Loss
from apps.pipeline import definition
from apps.text import count

SUBJECT = "LOST ROWS"
COLUMNS = ("table", "date", "rows_before", "rows_now", "keys_before", "keys_now")


def create_message() -> int:
    """Saves a message about losses that were not mailed yet; returns how many messages (1 or 0)."""
    return scan_mails.create_message(new_losses, message_about)


def new_losses() -> list[Partition]:
    tables = [table.name for table in definition.current().tables]
    lost = list(Partition.objects.regressions().of(tables).order_by("table", "date"))
    mailed = scan_mails.mailed(SUBJECT, "table", "date", "rows_now") if lost else set()
    return [each for each in lost if key(each) not in mailed]


def key(lost: Partition) -> tuple[str, ...]:
    """Table, date and rows left, as the CSV has them."""
    return exports.harmless(lost.table), str(lost.date), str(lost.rows)


def message_about(found: Sequence[Partition]) -> Message:
    """All that is lost now, and as CSV what is new of it."""
    tables = {each.table for each in found}
    lost = [loss for loss in regressions.losses(definition.current()) if loss.table in tables]
    return scan_mails.message(
        "losses",
        subject(found),
        {"losses": lost, "links": links(lost)},
        COLUMNS,
        (
            (each.table, each.date, each.complete_rows, each.rows, each.complete_keys, each.keys)
            for each in found
        ),
    )


def subject(found: Sequence[Partition]) -> str:
    """ "LOST ROWS - 3 complete dates of visits"."""
    tables = list(dict.fromkeys(definition.short_name(each.table) for each in found))
    return f"{SUBJECT} - {count(len(found), 'complete date')} of {', '.join(tables)}"


def links(lost: Sequence[Loss]) -> list[tuple[str, str]]:
    plans = [
        (f"Plan {loss.table}", f"{reverse('runs:new')}?{loss.plan_query}") for loss in lost if loss.plan_query
    ]
    found = [("All lost rows", f"{reverse('failures:index')}#losses"), *plans]
    return [(label, settings.BASE_URL + path) for label, path in found]
