"""The pace of work outside the console, from the run history, where the console measured none."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from functools import reduce
from operator import or_

from django.db.models import IntegerField, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

from apps.coverage.models import CalendarDate, HistoryTry
from apps.grouping import by_key
from apps.runs.estimates.paces import Work

NEWEST = 100  # attempts of a table


def work(tables: Collection[str], *, before: dt.datetime | None = None) -> dict[str, list[Work]]:
    """The newest attempts that succeeded, by table, oldest first; in one query. They are of no run."""
    if not tables:
        return {}
    told = HistoryTry.objects.filter(failed=False, seconds__gte=0, started_at__isnull=False)
    if before:
        told = told.filter(started_at__lt=before)
    latest = told.order_by("-started_at")
    newest = [latest.filter(table=table).values("pk")[:NEWEST] for table in sorted(tables)]
    units = CalendarDate.objects.filter(date=OuterRef("date")).values("units")
    rows = HistoryTry.objects.filter(reduce(or_, (Q(pk__in=some) for some in newest))).annotate(
        units=Coalesce(Subquery(units), 0, output_field=IntegerField())
    )
    tries = rows.order_by("started_at").values_list("table", "units", "seconds")
    return by_key((table, Work(size, seconds or 0.0)) for table, size, seconds in tries)


def tables_of(work: Mapping[str, Sequence[Work]]) -> list[str]:
    """The tables of which only the run history knows what they take."""
    return [table for table, done in work.items() if done and not any(each.run for each in done)]
