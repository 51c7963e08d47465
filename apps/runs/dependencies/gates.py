"""Gates: what must be complete before a step may start, its table's inputs on its date and in their lookback.

A step waits for what a run is still to fill of its inputs, whatever is there now, and for what its rows are compared
with. One whose input no run will fill has its reason why not. Before a phase with a manual gate, a person says when.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from django.db.models import Exists, OuterRef, Q

from apps.coverage.counts.freshness import silent_tables
from apps.coverage.models import CalendarDate, Partition
from apps.grouping import by_key
from apps.pipeline.definition import Pipeline
from apps.pipeline.sections import Table
from apps.runs.dependencies import inputs
from apps.runs.dependencies.inputs import DONE, Gap, InputDates
from apps.runs.models import Run, Step
from apps.text import date_ranges, successor

Key = tuple[str, dt.date]

# What became of an input's step in the run that asks.
UNDONE = {
    Step.Status.FAILED: "failed",
    Step.Status.SKIPPED: "was skipped",
    Step.Status.CANCELLED: "was cancelled",
}


@dataclass(frozen=True, slots=True)
class Readiness:
    """Which of some dates may not start: what they wait for, why they never will, and which of their inputs were never
    read. The other dates may.

    A date may be several of these: what closes it can be overridden, what it waits for in this run cannot.
    """

    waiting: dict[dt.date, str] = field(default_factory=dict)
    closed: dict[dt.date, str] = field(default_factory=dict)
    unread: dict[dt.date, list[Key]] = field(default_factory=dict)
    awaited_runs: dict[dt.date, int] = field(default_factory=dict)  # a run that is about to write an input


def readiness_of(table: Table, dates: Collection[dt.date], *, run: Run) -> Readiness:
    """Which dates of a table may not start in this run, and why; in four queries for all of them."""
    found = Readiness()
    if not table.follows or not dates:
        return found
    back = max((needed.lookback for needed in table.after), default=0)
    known = known_inputs(table.follows, min(dates) - dt.timedelta(days=back), max(dates), run=run)
    for date in dates:
        add_readiness(found, table, date, known)
    return found


def add_readiness(found: Readiness, table: Table, date: dt.date, known: Mapping[str, InputDates]) -> None:
    for needed in table.after:
        answer = inputs.answer(needed, date, known[needed.table])
        if answer.gaps:
            says = inputs.sentence(needed.table, answer.gaps) + inputs.share_in_words(needed, answer)
            found.closed.setdefault(date, says)
        wait_for(found, date, needed.table, answer.coming, known[needed.table])
        if answer.unread:
            found.unread.setdefault(date, []).extend((needed.table, each) for each in answer.unread)
    if table.compared_with and date in known[table.compared_with].filled_by:
        wait_for(found, date, table.compared_with, [date], known[table.compared_with])


def wait_for(
    found: Readiness, date: dt.date, name: str, coming: Sequence[dt.date], known: InputDates
) -> None:
    """Adds that the date waits for these dates of an input, to be filled by its own run or another one."""
    others = {run for each in coming if (run := known.filled_by[each]) is not None}
    if others:
        found.awaited_runs.setdefault(date, min(others))
    if own := [each for each in coming if known.filled_by[each] is None]:
        says = inputs.sentence(name, [Gap(each, "is still to be filled") for each in own])
        found.waiting.setdefault(date, says)


def known_inputs(
    tables: Collection[str], first: dt.date, last: dt.date, *, run: Run | None = None
) -> dict[str, InputDates]:
    """What is known of these tables between two dates; what a run is still to fill or did not fill, if one asks."""
    calendar = expected(first, last)
    known = states(tables, first, last)
    coming, undone = of_run(run, tables, first, last) if run else ({}, {})
    return {
        name: inputs.input_dates(
            calendar,
            known[name],
            coming=coming.get(name, {}),
            undone=still_undone(undone.get(name, {}), known[name]),
        )
        for name in tables
    }


def of_run(
    run: Run, tables: Collection[str], first: dt.date, last: dt.date
) -> tuple[dict[str, dict[dt.date, int | None]], dict[str, dict[dt.date, tuple[Gap, bool]]]]:
    """By table the dates that the run (None) or another one is still to fill, and those that the run did not fill; of
    these also whether what was there before was complete and was not written again since."""
    coming: dict[str, dict[dt.date, int | None]] = defaultdict(dict)
    undone: dict[str, dict[dt.date, tuple[Gap, bool]]] = defaultdict(dict)
    later = Step.objects.filter(
        table=OuterRef("table"), date=OuterRef("date"), status=Step.Status.SUCCEEDED, pk__gt=OuterRef("pk")
    )
    mine = Q(run=run) & ~Q(status=Step.Status.SUCCEEDED)
    some = Step.objects.filter(table__in=tables, date__range=(first, last))
    rows = some.filter(mine | Q(status__in=Step.UNFINISHED)).order_by().annotate(is_redone=Exists(later))
    values = rows.values_list("table", "date", "status", "state_after", "run_id", "is_redone")
    for name, date, status, state, run_id, is_redone in values:
        if status in Step.UNFINISHED:
            coming[name][date] = None if run_id == run.pk else run_id
        elif not is_redone:
            is_old = not state or state in (*DONE, Partition.State.STALE)
            undone[name][date] = (Gap(date, UNDONE[Step.Status(status)], "in this run"), is_old)
    return coming, undone


def still_undone(
    undone: Mapping[dt.date, tuple[Gap, bool]], known: Mapping[dt.date, str]
) -> dict[dt.date, Gap]:
    """What the run did not fill, without dates that were not there then and that were filled outside the run since."""
    return {date: gap for date, (gap, is_old) in undone.items() if is_old or known.get(date) not in DONE}


def expected(start: dt.date, end: dt.date) -> list[dt.date]:
    days = CalendarDate.objects.filter(date__range=(start, end))
    return list(days.order_by("date").values_list("date", flat=True))


def states(tables: Collection[str], start: dt.date, end: dt.date) -> dict[str, dict[dt.date, str]]:
    """By table the state of each date; unknown if the table could not be read at the last try. Two queries."""
    found: dict[str, dict[dt.date, str]] = {name: {} for name in tables}
    rows = Partition.objects.of(tables).between(start, end).order_by()
    silent = silent_tables()
    for name, date, state in rows.values_list("table", "date", "state"):
        is_known = name not in silent or state == Partition.State.NOT_EXPECTED
        found[name][date] = state if is_known else Partition.State.UNKNOWN
    return found


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
    """The phase that a person must start before the run goes on; None if it does not wait for that."""
    if not run.waits_at_gate:
        return None
    return run.steps.pending().order_by("position").values_list("phase", flat=True).first()


def readiness(pipeline: Pipeline, run: Run, phase: str) -> list[Need]:
    """What the run's steps of a phase read from earlier phases: dates needed, dates complete, the first missing.

    Three queries for each of these inputs at most.
    """
    steps = run.steps.unfinished().filter(phase=phase).order_by("date")
    dates = by_key(steps.values_list("table", "date"))
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
    missing = [date for date in needed if known.get(date) not in DONE]
    return Need(
        table=table,
        start=start,
        end=end,
        needed=len(needed),
        missing=tuple(missing),
        first_missing=date_ranges(missing, most=2, after=successor(calendar)),
    )


def manual_gate(pipeline: Pipeline, run: Run, phase: str) -> bool:
    """Whether a person must open the gate before this phase: the run was asked for an earlier one too, whether or
    not that had anything left to do, and it was not opened yet."""
    if pipeline.phase(phase).gate != "manual" or phase in run.released_phases:
        return False
    earlier = {p.name for p in pipeline.phases[: [p.name for p in pipeline.phases].index(phase)]}
    return bool(earlier & phases_asked_for(pipeline, run))


def phases_asked_for(pipeline: Pipeline, run: Run) -> set[str]:
    names = run.selection.get("tables", ())
    return {pipeline.by_name[name].phase for name in names if name in pipeline.by_name}
