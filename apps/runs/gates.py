"""What must be complete before a step may start: its table's inputs on its date and in their lookback.

A step whose input is being filled by this run waits for it. One whose input nobody in this run will fill has its
reason why not. Before a phase with a manual gate, a person says when.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from apps.coverage.dates import in_words, successor
from apps.coverage.models import CalendarDate, Partition
from apps.pipeline.definition import Pipeline, Table
from apps.runs.models import Run

DONE = (*Partition.SETTLED, Partition.State.UNEXPECTED)


@dataclass(frozen=True, slots=True)
class Readiness:
    """Which of some dates may not start: what they wait for, and why they never will; the others may.

    A date may be both: what closes it can be overridden, what it waits for cannot.
    """

    waiting: dict[dt.date, str]
    closed: dict[dt.date, str]


def readiness_of(table: Table, dates: Collection[dt.date], *, run: Run) -> Readiness:
    """Which dates of a table may not start in this run, and why; in three queries for all of them."""
    found = Readiness({}, {})
    if not table.after or not dates:
        return found
    open_dates = not_complete(table, min(dates), max(dates))
    if not any(open_dates.values()):
        return found
    coming = unfinished(run, list(open_dates))
    for date in dates:
        sort(found, table, date, open_dates, coming)
    return found


def sort(
    found: Readiness,
    table: Table,
    date: dt.date,
    open_dates: dict[str, list[tuple[dt.date, str]]],
    coming: Collection[tuple[str, dt.date]],
) -> None:
    for needed in table.after:
        gaps = window(open_dates[needed.table], date - dt.timedelta(days=needed.lookback), date)
        hopeless = [gap for gap in gaps if (needed.table, gap[0]) not in coming]
        if hopeless:
            found.closed.setdefault(date, sentence(needed.table, hopeless))
        if len(hopeless) < len(gaps):
            found.waiting.setdefault(date, sentence(needed.table, gaps))


def unfinished(run: Run, tables: list[str]) -> set[tuple[str, dt.date]]:
    """The partitions of these tables that the run is still about to fill."""
    return set(run.steps.unfinished().filter(table__in=tables).order_by().values_list("table", "date"))


def not_complete(table: Table, first: dt.date, last: dt.date) -> dict[str, list[tuple[dt.date, str]]]:
    """For each input, the dates in reach that are not complete, with their states, oldest first."""
    start = first - dt.timedelta(days=max(needed.lookback for needed in table.after))
    inputs = [needed.table for needed in table.after]
    calendar = expected(start, last)
    return {name: not_done(rows, calendar) for name, rows in states(inputs, start, last).items()}


def expected(start: dt.date, end: dt.date) -> list[dt.date]:
    days = CalendarDate.objects.filter(date__range=(start, end))
    return list(days.order_by("date").values_list("date", flat=True))


def states(tables: list[str], start: dt.date, end: dt.date) -> dict[str, dict[dt.date, str]]:
    found: dict[str, dict[dt.date, str]] = {name: {} for name in tables}
    rows = Partition.objects.of(tables).between(start, end).order_by()
    for name, date, state in rows.values_list("table", "date", "state"):
        found[name][date] = state
    return found


def not_done(known: dict[dt.date, str], calendar: list[dt.date]) -> list[tuple[dt.date, str]]:
    """What is not complete. An expected date of which nothing was ever read is unknown, not complete."""
    everything = dict.fromkeys(calendar, str(Partition.State.UNKNOWN)) | known
    return sorted((date, state) for date, state in everything.items() if state not in DONE)


def window(rows: list[tuple[dt.date, str]], first: dt.date, last: dt.date) -> list[tuple[dt.date, str]]:
    return rows[bisect_left(rows, (first, "")) : bisect_right(rows, (last, "\uffff"))]


def sentence(name: str, gaps: Sequence[tuple[dt.date, str]]) -> str:
    date, state = gaps[0]
    more = f" and {len(gaps) - 1} more" if len(gaps) > 1 else ""
    verb = "has not been read" if state == Partition.State.UNKNOWN else f"is {state}"
    return f"{name.rpartition('.')[2]} {verb} on {date}{more}"


@dataclass(frozen=True)
class Need:
    """One line of the table that a person reads before opening a manual gate.

    Of the dates from start to end only those are needed that a step reads: on its own date and in its lookback.
    """

    table: str
    start: dt.date
    end: dt.date
    needed: int
    missing: tuple[dt.date, ...]
    first_missing: str

    @property
    def found(self) -> int:
        return self.needed - len(self.missing)

    @property
    def is_met(self) -> bool:
        return not self.missing


def waiting_phase(run: Run) -> str | None:
    """The phase that a person must start before the run goes on; None where it does not wait for that."""
    if not run.waits_at_gate:
        return None
    return run.steps.pending().order_by("position").values_list("phase", flat=True).first()


def readiness(pipeline: Pipeline, run: Run, phase: str) -> list[Need]:
    """What the run's steps of a phase read from earlier phases: dates needed, dates complete, the first missing.

    Three queries for each of these inputs at most.
    """
    dates: dict[str, list[dt.date]] = defaultdict(list)
    steps = run.steps.unfinished().filter(phase=phase).order_by("date")
    for name, date in steps.values_list("table", "date"):
        dates[name].append(date)
    readers: dict[str, list[Reader]] = defaultdict(list)
    for table in pipeline.tables_of(phase):
        for needed in table.after if table.name in dates else ():
            if pipeline.table(needed.table).phase != phase:
                readers[needed.table].append(Reader(dates[table.name], dt.timedelta(days=needed.lookback)))
    return [need(name, some) for name, some in readers.items()]


@dataclass(frozen=True)
class Reader:
    """The dates of a table that reads an input, oldest first, and how far back it reads from each."""

    dates: Sequence[dt.date]
    lookback: dt.timedelta

    def reads(self, date: dt.date) -> bool:
        place = bisect_left(self.dates, date)
        return place < len(self.dates) and self.dates[place] - self.lookback <= date


def need(table: str, readers: Collection[Reader]) -> Need:
    start = min(each.dates[0] - each.lookback for each in readers)
    end = max(each.dates[-1] for each in readers)
    calendar = expected(start, end)
    needed = [date for date in calendar if any(each.reads(date) for each in readers)]
    known = states([table], start, end)[table]
    missing = [date for date, _ in not_done({date: known[date] for date in needed if date in known}, needed)]
    return Need(
        table=table,
        start=start,
        end=end,
        needed=len(needed),
        missing=tuple(missing),
        first_missing=in_words(missing, most=2, after=successor(calendar)),
    )


def manual_gate(pipeline: Pipeline, run: Run, phase: str) -> bool:
    """Whether a person must open the gate before this phase: the run was asked for an earlier one too, whether or
    not that had anything left to do, and nobody opened it yet."""
    if pipeline.phase(phase).gate != "manual" or phase in run.released_phases:
        return False
    earlier = {p.name for p in pipeline.phases[: [p.name for p in pipeline.phases].index(phase)]}
    return bool(earlier & phases_asked_for(pipeline, run))


def phases_asked_for(pipeline: Pipeline, run: Run) -> set[str]:
    names = run.selection.get("tables", ())
    return {pipeline.by_name[name].phase for name in names if name in pipeline.by_name}
