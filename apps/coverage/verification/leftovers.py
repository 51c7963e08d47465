"""Open failures that row counts do not show: redos that failed, and dates that left the calendar."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict

from apps.coverage.models import Partition
from apps.pipeline import definition
from apps.pipeline.scope import Scope
from apps.text import count, date_ranges

RANGES_SHOWN = 6


def sentences(scope: Scope) -> list[str]:
    """A sentence a table and kind, without its full stop, in one query."""
    names = [table.name for table in scope.tables]
    found = Partition.objects.of(names).between(scope.start, scope.end).closable().order_by("table", "date")
    by_kind: dict[tuple[str, bool], list[dt.date]] = defaultdict(list)
    for each in found.exclude(state__in=Partition.GAPS):
        if each.date in scope:
            off = each.state == Partition.State.NOT_EXPECTED
            by_kind[definition.short_name(each.table), off].append(each.date)
    return [sentence(table, dates, off=off) for (table, off), dates in by_kind.items()]


def sentence(table: str, dates: list[dt.date], *, off: bool) -> str:
    """ "sales is complete on 1 date that the last run failed or skipped: 2024-01-03"."""
    number = count(len(dates), "date")
    where = date_ranges(dates, most=RANGES_SHOWN)
    if off:
        left = "has left" if len(dates) == 1 else "have left"
        return f"{table} failed on {number} that {left} the calendar: {where}"
    return f"{table} is complete on {number} that the last run failed or skipped: {where}"
