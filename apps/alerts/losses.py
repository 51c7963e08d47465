"""One mail when complete dates lose rows, found by a scan."""

from __future__ import annotations

import csv
import io

from django.conf import settings
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse

from apps import exports
from apps.alerts import messages
from apps.alerts.models import Message, MessageQuerySet
from apps.coverage import regressions
from apps.coverage.models import Partition, Scan
from apps.coverage.regressions import Loss
from apps.pipeline import definition
from apps.text import count

SUBJECT = "LOST ROWS"
COLUMNS = ("table", "date", "rows_before", "rows_now", "keys_before", "keys_now")

Key = tuple[str, str, str]  # table, date, how many rows are left


def tell() -> int:
    """Makes a message of what nobody was told of yet; answers how many (1 or 0). The same loss is told once."""
    if not untold():
        return 0
    with transaction.atomic():
        list(Scan.objects.select_for_update().order_by("-pk")[:1])  # one at a time
        found = untold()
        if found:
            written(found).save()
    return bool(found)


def untold() -> list[Partition]:
    tables = [table.name for table in definition.current().tables]
    lost = list(Partition.objects.regressions().of(tables).order_by("table", "date"))
    told = {key for message in told_before() for key in keys_of(message)} if lost else set()
    return [each for each in lost if key(each) not in told]


def told_before() -> MessageQuerySet:
    return Message.objects.filter(event_id=None, subject__startswith=SUBJECT).only("csv")


def keys_of(message: Message) -> list[Key]:
    return [(row["table"], row["date"], row["rows_now"]) for row in csv.DictReader(io.StringIO(message.csv))]


def key(lost: Partition) -> Key:
    return exports.harmless(lost.table), str(lost.date), str(lost.rows)


def written(found: list[Partition]) -> Message:
    """The message, not saved yet: all that is lost by now, and as CSV what is new of it."""
    pipeline = definition.current()
    tables = {each.table for each in found}
    lost = [loss for loss in regressions.losses(pipeline) if loss.table in tables]
    context = {"losses": lost, "links": links(lost), "subject": subject(found)}
    return Message(
        to=messages.recipients(None),
        subject=messages.in_one_line(subject(found)),
        text=render_to_string("alerts/mail/losses.txt", context).strip() + "\n",
        html=messages.INLINER.inline(render_to_string("alerts/mail/losses.html", context)),
        csv=lines(found),
    )


def subject(found: list[Partition]) -> str:
    """ "LOST ROWS - 3 complete dates of visits"."""
    tables = list(dict.fromkeys(definition.short_name(each.table) for each in found))
    dates = f"{count(len(found), 'complete date')}"
    return f"{SUBJECT} - {dates} of {', '.join(tables)}"


def links(lost: list[Loss]) -> list[tuple[str, str]]:
    plans = [
        (f"Plan {loss.table}", f"{reverse('runs:new')}?{loss.plan_query}") for loss in lost if loss.plan_query
    ]
    found = [("All lost rows", f"{reverse('failures:index')}#losses"), *plans]
    return [(label, settings.BASE_URL + path) for label, path in found]


def lines(found: list[Partition]) -> str:
    return exports.csv_text(
        COLUMNS,
        (
            (each.table, each.date, each.complete_rows, each.rows, each.complete_keys, each.keys)
            for each in found
        ),
    )
