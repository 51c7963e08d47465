"""The unfinished steps of a run that it would skip because of their inputs, from stored partitions."""

from __future__ import annotations

import datetime as dt

from apps.grouping import by_key
from apps.pipeline.definition import Pipeline
from apps.runs.dependencies import gates, needs
from apps.runs.dependencies.blocked import Blocked, Forecast
from apps.runs.models import Run


def of_run(pipeline: Pipeline, run: Run) -> Blocked:
    """What would be skipped if each other unfinished step is verified; in nine queries at most."""
    wanted = by_key(run.steps.unfinished().order_by("date").values_list("table", "date"))
    closed = needs.closed_dates(pipeline, wanted, run=run)
    readers = [table for table in pipeline.filled if table.after and table.name in wanted]
    if not readers:
        return Forecast(pipeline, wanted, (), {}, closed=closed).result()
    names = {needed.table for table in readers for needed in table.after}
    back = max(needed.lookback for table in readers for needed in table.after)
    first = min(wanted[table.name][0] for table in readers) - dt.timedelta(days=back)
    last = max(wanted[table.name][-1] for table in readers)
    known = gates.states(names, first, last)
    coming, undone = gates.of_run(run, names, first, last)
    others = {
        name: {date: by for date, by in some.items() if by is not None} for name, some in coming.items()
    }
    gaps = {name: gates.still_undone(some, known[name]) for name, some in undone.items()}
    calendar = gates.expected(first, last)
    return Forecast(pipeline, wanted, calendar, known, others, gaps, closed).result()
