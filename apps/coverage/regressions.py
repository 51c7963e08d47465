"""What was complete and has fewer rows now: lost to an expiry, a clean-up or another job."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass

from apps.coverage.dates import in_words, successor
from apps.coverage.models import CalendarDate, Partition
from apps.pipeline.definition import Pipeline

RANGES_SHOWN = 6


@dataclass(frozen=True)
class Loss:
    """One table that lost rows: on which dates, how many it had there when they were complete, and has now."""

    table: str
    phase: str
    dates: tuple[dt.date, ...]
    in_words: str
    had: int
    has: int

    @property
    def lost(self) -> int:
        return self.had - self.has

    @property
    def first(self) -> dt.date:
        return self.dates[0]

    @property
    def last(self) -> dt.date:
        return self.dates[-1]


def losses(pipeline: Pipeline, *, phase: str = "", table: str = "", season: str = "") -> list[Loss]:
    """The tables that lost rows, in the pipeline's order; in two queries."""
    rows = Partition.objects.regressions().order_by("date")
    if table:
        rows = rows.filter(table=table)
    if season:
        rows = rows.filter(season=season)
    found: dict[str, list[tuple[dt.date, int, int]]] = defaultdict(list)
    for name, date, had, has in rows.values_list("table", "date", "complete_rows", "rows"):
        found[name].append((date, had or 0, has or 0))
    if not found:
        return []
    after = successor(list(CalendarDate.objects.order_by("date").values_list("date", flat=True)))
    return [
        Loss(
            table=each.name,
            phase=each.phase,
            dates=tuple(date for date, _, _ in found[each.name]),
            in_words=in_words((date for date, _, _ in found[each.name]), most=RANGES_SHOWN, after=after),
            had=sum(had for _, had, _ in found[each.name]),
            has=sum(has for _, _, has in found[each.name]),
        )
        for each in pipeline.tables
        if each.name in found and (not phase or each.phase == phase)
    ]
