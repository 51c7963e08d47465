"""What a run makes stale without having a step for it: noted in the timeline, and at the run's end."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence

from apps.coverage.models import Partition
from apps.coverage.scanning import staleness
from apps.grouping import by_key
from apps.pipeline import definition
from apps.pipeline.definition import Pipeline
from apps.runs.dependencies import downstream
from apps.runs.models import Run
from apps.text import count, date_ranges

MADE_STALE = "made stale"  # the kind of event; its data have the dates of each table
RANGES_SHOWN = 6


def mark(run: Run, pipeline: Pipeline) -> None:
    """Marks what is stale, everywhere. Complete dates that became so and read tables that the run called are a line of
    its timeline, but for its own steps."""
    called = set(run.attempts.order_by().values_list("table", flat=True).distinct())
    news = [row for row in staleness.mark(pipeline) if row.state == Partition.State.STALE]
    readers = {table.name for table in pipeline.tables if downstream.read_by(pipeline, table.name) & called}
    found = by_key((row.table, row.date) for row in news if row.table in readers)
    steps = set(run.steps.filter(table__in=found).values_list("table", "date"))
    left = {
        table: beside
        for table, dates in found.items()
        if (beside := sorted(date for date in dates if (table, date) not in steps))
    }
    if left:
        data = {table: [str(date) for date in dates] for table, dates in left.items()}
        run.record(MADE_STALE, sentence(left), data=data)


def in_words_now(run: Run) -> str:
    """The sentence of what the run made stale and still is; empty if nothing is."""
    found: dict[str, set[dt.date]] = defaultdict(set)
    for data in run.events.filter(kind=MADE_STALE).values_list("data", flat=True):
        for table, dates in data.items():
            found[table].update(map(dt.date.fromisoformat, dates))
    if not found:
        return ""
    stale = Partition.objects.of(found).filter(state=Partition.State.STALE).order_by("table", "date")
    rows = stale.values_list("table", "date")
    left = by_key((table, date) for table, date in rows if date in found[table])
    return sentence(left) if left else ""


def sentence(dates: dict[str, list[dt.date]]) -> str:
    """ "3 complete dates became stale while the run was at work: wave on 2025-03-02 to 2025-03-04"."""
    number = sum(map(len, dates.values()))
    return (
        f"{count(number, 'complete date')} became stale while the run was at work: {tables_in_words(dates)}"
    )


def tables_in_words(dates: Mapping[str, Sequence[dt.date]]) -> str:
    """ "wave on 2025-03-02 to 2025-03-04; trend on 2025-03-05"."""
    return "; ".join(
        f"{definition.short_name(table)} on {date_ranges(some, most=RANGES_SHOWN)}"
        for table, some in dates.items()
    )
