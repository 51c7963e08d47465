"""Which steps a launch would make, and for every other date the reason why not."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

from django.db.models import TextChoices
from django.utils import timezone

from apps.coverage.counts.freshness import silent_tables
from apps.coverage.dates import in_words, successor
from apps.coverage.models import CalendarDate, Partition, RemovedDate
from apps.coverage.scanning.expectation import like_decides
from apps.coverage.sources import need_coverage
from apps.pipeline import scope as scopes
from apps.pipeline.definition import Pipeline, UnknownName
from apps.pipeline.scope import DoesNotFit, Scope
from apps.pipeline.sections import Phase, Season, Table
from apps.runs.dependencies import blocked, gates
from apps.runs.dependencies.blocked import Blocked
from apps.runs.estimates import eta, progress
from apps.runs.estimates.eta import Estimate, Part
from apps.runs.estimates.remaining_work import Left
from apps.runs.models import Run
from apps.runs.plans import batching

State, Activity = Partition.State, Partition.Activity
FAILED = (Activity.FAILED, *Partition.NOT_REDONE)

COMPLETE = "complete"
BOOTSTRAP = "bootstrap"
ACCEPTED = "accepted"
OFF_CALENDAR = "off the calendar"
LEFT_CALENDAR = "left the calendar, which nobody confirmed"
NOT_OVER = "not over yet"
UNKNOWN = "unknown: scan the warehouse first"
UNCOMPARED = "unknown until what it is compared with is filled"
FAILED_BEFORE = "failed before"
BEHIND_GAPS = "behind gaps of what it reads"
ELSEWHERE = "running elsewhere: run "  # and its number
# What is left out for good: complete, or outside of what is expected.
SETTLED = {COMPLETE, BOOTSTRAP, ACCEPTED, OFF_CALENDAR, NOT_OVER}


class PlanRefused(Exception):
    """What was asked for cannot be planned; the text says what to change, `about` whether "tables" or "dates"."""

    def __init__(self, sentence: str, *, about: str = ""):
        super().__init__(sentence)
        self.about = about


@dataclass(frozen=True)
class Selection:
    """What a person asked for: tables of the pipeline file, dates (both ends included), and how.

    With `partitions` it is these and no others: what a retry is about. With `through_gaps` also steps whose inputs are
    not there and will not be: an override lets them start.
    """

    tables: tuple[Table, ...]
    seasons: tuple[Season, ...]
    start: dt.date
    end: dt.date
    dates: frozenset[dt.date] = frozenset()
    reprocess: Run.Reprocess = Run.Reprocess.FAILED
    order: Run.Order = Run.Order.OLDEST
    batch: int | None = None
    partitions: frozenset[tuple[str, dt.date]] = frozenset()
    through_gaps: bool = False

    def takes(self, table: Table, date: dt.date) -> bool:
        """Whether this table's date was asked for, among the dates that were."""
        return not self.partitions or (table.name, date) in self.partitions

    def __contains__(self, date: dt.date) -> bool:
        if self.dates and date not in self.dates:
            return False
        return self.start <= date <= self.end and any(date in season for season in self.seasons)

    def as_json(self) -> dict:
        return {
            "tables": [table.name for table in self.tables],
            "seasons": [season.name for season in self.seasons],
            "start": str(self.start),
            "end": str(self.end),
            "dates": sorted(map(str, self.dates)),
        }


def select(
    pipeline: Pipeline,
    *,
    phases: Iterable[str] = (),
    tables: Iterable[str] = (),
    seasons: Iterable[str] = (),
    start: dt.date | None = None,
    end: dt.date | None = None,
    dates: Iterable[dt.date] = (),
    reprocess: str = Run.Reprocess.FAILED,
    order: str = Run.Order.OLDEST,
    batch: int | None = None,
    through_gaps: bool = False,
) -> Selection:
    """A selection from names. Nothing named means everything; PlanRefused where the names or dates do not fit."""
    phases, names = list(phases), list(tables)
    try:
        found = scopes.scope(pipeline, phases=phases, tables=names, seasons=seasons, start=start, end=end)
        wanted = fillable(pipeline, found, phases=phases, tables=names)
    except UnknownName as error:
        raise PlanRefused(str(error)) from None
    except DoesNotFit as error:
        raise PlanRefused(str(error), about=error.about) from None
    if batch not in (None, Run.AUTO) and not 1 <= batch <= 1000:
        raise PlanRefused(f"{batch} dates a call is not possible; give 1 to 1000.")
    return Selection(
        tables=wanted,
        seasons=found.seasons,
        start=found.start,
        end=found.end,
        dates=frozenset(dates),
        reprocess=Run.Reprocess(one_of(Run.Reprocess, reprocess)),
        order=Run.Order(one_of(Run.Order, order)),
        batch=batch,
        through_gaps=through_gaps,
    )


def fillable(
    pipeline: Pipeline, found: Scope, *, phases: Iterable[str], tables: Iterable[str]
) -> tuple[Table, ...]:
    """The tables of the scope that have jobs, as a run fills them. Nobody may have named one that has none."""
    for name in tables:
        if pipeline.table(name).is_source:
            raise PlanRefused(f"{pipeline.table(name).name} is a source; no job of this pipeline fills it.")
    for phase in map(pipeline.phase, phases):
        if not any(table.job for table in pipeline.tables_of(phase.name)):
            raise PlanRefused(f"{phase.full_label} has sources only; no job of this pipeline fills them.")
    return tuple(table for table in pipeline.filled if table in found.tables)


def one_of(choices: type[TextChoices], wished: str) -> str:
    if wished not in choices.values:
        raise PlanRefused(f'"{wished}" is not known; give {", ".join(choices.values)}.')
    return wished


def select_partitions(
    pipeline: Pipeline,
    partitions: Iterable[tuple[str, dt.date]],
    *,
    reprocess: str = Run.Reprocess.FAILED,
    order: str = Run.Order.OLDEST,
    batch: int | None = None,
    through_gaps: bool = False,
) -> Selection:
    """A selection of single partitions, without those of tables that have no job in the pipeline file any more."""
    filled = {table.name for table in pipeline.filled}
    wanted = frozenset((table, date) for table, date in partitions if table in filled)
    if not wanted:
        raise PlanRefused("There is nothing to retry.")
    dates = {date for _, date in wanted}
    chosen = select(
        pipeline,
        tables={table for table, _ in wanted},
        dates=dates,
        start=min(dates),
        end=max(dates),
        reprocess=reprocess,
        order=order,
        batch=batch,
        through_gaps=through_gaps,
    )
    return replace(chosen, partitions=wanted)


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step as a launch would make it."""

    table: str
    phase: str
    date: dt.date
    season: str
    units: int
    is_redo: bool = False  # its date is complete already, or was before its redo failed


@dataclass(frozen=True)
class Plan:
    """Steps in the order in which they will be performed; `left_out` has a reason for every other partition."""

    selection: Selection
    steps: tuple[PlannedStep, ...]
    left_out: dict[str, list[tuple[str, dt.date]]]
    calendar: tuple[dt.date, ...] = field(repr=False, default=())  # all of it from the first to the last date
    was_scanned: bool = True
    blocked: Blocked = field(default_factory=Blocked)  # what would be skipped, left out or not
    waits_for: Mapping[int, int] = field(
        default_factory=dict
    )  # runs that are to fill inputs of it, with how many

    @cached_property
    def by_table(self) -> dict[str, int]:
        return dict(Counter(step.table for step in self.steps))

    @cached_property
    def by_table_and_season(self) -> dict[str, dict[str, int]]:
        """Table to season to steps."""
        found: dict[str, dict[str, int]] = defaultdict(dict)
        for (table, season), count in Counter((step.table, step.season) for step in self.steps).items():
            found[table][season] = count
        return dict(found)

    @cached_property
    def left_out_counts(self) -> dict[str, int]:
        return {reason: len(found) for reason, found in sorted(self.left_out.items())}

    @cached_property
    def left_out_ranges(self) -> list[tuple[str, int, str]]:
        """Reason, number of partitions, and their dates in words."""
        after = successor(self.calendar)
        return [
            (reason, len(found), in_words({date for _, date in found}, most=4, after=after))
            for reason, found in sorted(self.left_out.items())
        ]

    @cached_property
    def elsewhere(self) -> dict[int, int]:
        """Runs that are about to fill some of the partitions asked for, with how many."""
        return {
            int(reason.removeprefix(ELSEWHERE)): len(found)
            for reason, found in self.left_out.items()
            if reason.startswith(ELSEWHERE)
        }

    @cached_property
    def dates(self) -> list[dt.date]:
        return sorted({step.date for step in self.steps})

    @cached_property
    def digest(self) -> str:
        """Two plans with the same digest would do the same steps in the same order."""
        said = ";".join(f"{step.table} {step.date}" for step in self.steps)
        return hashlib.blake2b(said.encode(), digest_size=8).hexdigest()

    @cached_property
    def seasons(self) -> list[str]:
        return list(dict.fromkeys(step.season for step in self.steps))

    @cached_property
    def phases(self) -> list[str]:
        return list(dict.fromkeys(step.phase for step in self.steps))

    @property
    def is_complete_already(self) -> bool:
        """Whether there is nothing to do because all that is expected is there."""
        return not self.steps and COMPLETE in self.left_out and set(self.left_out) <= SETTLED

    @property
    def why_nothing(self) -> str:
        """Why there is nothing to do, as a sentence; empty where there is."""
        if self.steps:
            return ""
        if not self.was_scanned:
            return "The warehouse was not scanned yet: nobody knows which dates are expected."
        days = (OFF_CALENDAR, NOT_OVER)  # of which nothing is expected
        reasons = [reason for reason in self.left_out if reason not in days] or list(self.left_out)
        if self.is_complete_already:
            rest = ", ".join(f"{len(self.left_out[name]):,} {name}" for name in reasons if name != COMPLETE)
            besides = f" ({rest} besides)" if rest else ""
            return f"Nothing to do: all {len(self.left_out[COMPLETE]):,} are complete already{besides}."
        if BEHIND_GAPS in reasons:
            rest = ", ".join(
                f"{len(self.left_out[name]):,} {name}" for name in reasons if name != BEHIND_GAPS
            )
            return f"Nothing to do: {self.blocked.sentence}{f' ({rest} besides)' if rest else ''}."
        match reasons:
            case []:
                return "Nothing to do: none of the chosen dates lies in a chosen season."
            case [reason] if reason == OFF_CALENDAR:
                return "Nothing to do: no date of this range is on the calendar."
            case [reason]:
                return f"Nothing to do: all {len(self.left_out[reason]):,} are left out ({reason})."
        counts = ", ".join(f"{len(self.left_out[reason]):,} {reason}" for reason in reasons)
        return f"Nothing to do: {counts}."

    @property
    def unknown(self) -> int:
        """Partitions that may be gaps: the warehouse was not asked about them, or did not answer."""
        return len(self.left_out.get(UNKNOWN, ())) + len(self.left_out.get(UNCOMPARED, ()))

    @property
    def is_known(self) -> bool:
        """Whether anything that was asked for is known; else the number of steps says nothing."""
        if self.steps or not self.selection.tables:
            return True
        return self.was_scanned and not (
            self.unknown and set(self.left_out) <= SETTLED - {COMPLETE} | {UNKNOWN, UNCOMPARED}
        )

    def manual_gates(self, pipeline: Pipeline) -> list[Phase]:
        """The phases before which the run will rest until a person starts them."""
        asked = {table.phase for table in self.selection.tables}
        after_another = [phase for phase in pipeline.phases if phase.name in asked][1:]
        return [phase for phase in after_another if phase.gate == "manual" and phase.name in self.phases]

    def title(self, pipeline: Pipeline) -> str:
        """What the run will be called: its phases or tables, and its dates."""
        if not self.steps:
            return "Nothing to do"
        tables = list(self.by_table)
        what = " and ".join(pipeline.phase(phase).label for phase in self.phases)
        if len(tables) == 1:
            what = pipeline.table(tables[0]).short_name
        first, last = self.dates[0], self.dates[-1]
        return f"{what}, {first}" if first == last else f"{what}, {first} to {last}"

    @cached_property
    def dates_by_table_and_season(self) -> dict[str, dict[str, list[dt.date]]]:
        """Table to season to the dates of its steps, in their order."""
        found: dict[str, dict[str, list[dt.date]]] = defaultdict(lambda: defaultdict(list))
        for step in self.steps:
            found[step.table][step.season].append(step.date)
        return found

    def calls(self, table: Table) -> list[list[dt.date]]:
        """The dates of each call that the run would make for a table, where each does what it should."""
        assert table.job
        if table.job.takes_ranges:
            return [call for calls in self.calls_by_season(table).values() for call in calls]
        dates = [date for some in self.dates_by_table_and_season[table.name].values() for date in some]
        return batching.calls(table.job, dates, self.dates_a_call(table), self.calendar)

    def calls_by_season(self, table: Table) -> dict[str, list[list[dt.date]]]:
        """The same of a job that takes ranges, none of which spans the time between two seasons."""
        assert table.job
        job, most = table.job, self.dates_a_call(table)
        return {
            season: batching.calls(job, dates, most, self.calendar)
            for season, dates in self.dates_by_table_and_season[table.name].items()
        }

    def dates_a_call(self, table: Table) -> int:
        assert table.job
        return batching.dates_a_call(table.job, self.selection.batch)


class Known(NamedTuple):
    """What is stored of a partition; `rows` is None where they were not counted."""

    state: str
    activity: str
    run_id: int | None
    rows: int | None


NEVER_READ = Known(State.UNKNOWN, "", None, None)


def of_scope(pipeline: Pipeline, found: Scope, reprocess: str) -> Plan:
    """What a plan would take in of some tables and dates; sources are among them and no job fills these."""
    chosen = Selection(
        tables=tuple(table for table in pipeline.filled if table in found.tables),
        seasons=found.seasons,
        start=found.start,
        end=found.end,
        reprocess=Run.Reprocess(reprocess),
    )
    return plan(pipeline, chosen)


def plan(pipeline: Pipeline, selection: Selection) -> Plan:
    """The plan for a selection, from what is stored; in seven queries however many dates there are."""
    reach = reading_from(selection)
    days = list(CalendarDate.objects.filter(date__range=(reach, selection.end)))
    calendar = {day.date: day for day in days if day.date in selection}
    read = {needed.table for table in selection.tables for needed in table.after}
    read |= {table.compared_with for table in selection.tables if table.compared_with}
    stored = Partition.objects.of({table.name for table in selection.tables} | read)
    partitions = {
        (table, date): Known(state, activity, run_id, rows)
        for table, date, state, activity, run_id, rows in stored.between(reach, selection.end).values_list(
            "table", "date", "state", "activity", "run_id", "rows"
        )
    }
    unserved = unserved_dates(pipeline, selection)
    removed = RemovedDate.objects.open().filter(date__range=(selection.start, selection.end))
    left_calendar = frozenset(removed.values_list("date", flat=True))
    steps: list[PlannedStep] = []
    planned: set[tuple[str, dt.date]] = set()
    left_out: dict[str, list[tuple[str, dt.date]]] = defaultdict(list)
    dates, today = in_order(selection), pipeline.today(timezone.now())
    for table in selection.tables:
        for date in dates:
            if not selection.takes(table, date):
                continue
            reason = why_not(table, date, selection, calendar, partitions, unserved)
            if reason == OFF_CALENDAR:
                reason = why_not_expected(date, today, left_calendar)
            if reason == UNKNOWN and only_uncompared(partitions, table, date):
                reason = "" if (table.compared_with, date) in planned else UNCOMPARED
            if not reason and lacks_comparison(partitions, table, date, planned):
                reason = "" if selection.through_gaps else UNCOMPARED
            if reason:
                left_out[reason].append((table.name, date))
            else:
                day = calendar[date]
                known = partitions[table.name, date]
                redo = is_redo(known.state, known.activity)
                steps.append(PlannedStep(table.name, table.phase, date, day.season, day.units, redo))
                planned.add((table.name, date))
    behind, waits_for = look_ahead(pipeline, steps, [day.date for day in days], partitions)
    if behind.steps and not selection.through_gaps:
        skipped = {(table, date) for table, some in behind.dates.items() for date in some}
        left_out[BEHIND_GAPS] = [
            (step.table, step.date) for step in steps if (step.table, step.date) in skipped
        ]
        steps = [step for step in steps if (step.table, step.date) not in skipped]
    return Plan(
        selection,
        tuple(steps),
        dict(left_out),
        calendar=tuple(day.date for day in days if day.date >= selection.start),
        was_scanned=bool(calendar) or CalendarDate.objects.exists(),
        blocked=behind,
        waits_for=waits_for,
    )


def reading_from(selection: Selection) -> dt.date:
    """The first date that a step of the selection may read."""
    back = max((needed.lookback for table in selection.tables for needed in table.after), default=0)
    return max(selection.start, dt.date.min + dt.timedelta(days=back)) - dt.timedelta(days=back)


def look_ahead(
    pipeline: Pipeline,
    steps: Sequence[PlannedStep],
    calendar: Sequence[dt.date],
    partitions: Mapping[tuple[str, dt.date], Known],
) -> tuple[Blocked, dict[int, int]]:
    """What of these steps would be skipped; and the runs that are about to fill inputs of them, with how many.

    Inputs that did not answer when they were asked last are read anew by the run: they keep nothing from starting.
    """
    wanted: dict[str, list[dt.date]] = defaultdict(list)
    for step in steps:
        wanted[step.table].append(step.date)
    tables = [table for table in pipeline.filled if table.name in wanted]
    states: dict[str, dict[dt.date, str]] = {needed.table: {} for table in tables for needed in table.after}
    elsewhere: dict[str, dict[dt.date, int | None]] = {name: {} for name in states}
    silent = silent_tables()
    for (name, date), known in partitions.items():
        if name in states:
            is_known = name not in silent or known.state == State.NOT_EXPECTED
            states[name][date] = known.state if is_known else State.UNKNOWN
            if known.activity in Partition.IN_A_RUN:
                elsewhere[name][date] = known.run_id
    if not states:
        return Blocked(), {}
    return (
        blocked.blocked(pipeline, wanted, calendar, states, elsewhere=elsewhere),
        awaited(tables, wanted, elsewhere),
    )


def awaited(
    tables: Sequence[Table],
    wanted: Mapping[str, Sequence[dt.date]],
    elsewhere: Mapping[str, Mapping[dt.date, int | None]],
) -> dict[int, int]:
    """Runs that are about to fill what these dates read, with how many of such inputs."""
    found: set[tuple[str, dt.date]] = set()
    for table in tables:
        dates = sorted(wanted[table.name])
        for needed in table.after:
            readers = gates.Reader(dates, dt.timedelta(days=needed.lookback))
            found |= {(needed.table, date) for date in elsewhere[needed.table] if readers.reads(date)}
    return dict(Counter(run for name, date in found if (run := elsewhere[name][date])))


def in_order(selection: Selection) -> list[dt.date]:
    # No further than the seasons go: a person may type any year.
    first = max(selection.start, min(season.start for season in selection.seasons))
    last = min(selection.end, max(season.end for season in selection.seasons))
    days = (last - first).days + 1
    dates = [date for n in range(days) if (date := first + dt.timedelta(days=n)) in selection]
    return dates[::-1] if selection.order == Run.Order.NEWEST else dates


def why_not(
    table: Table,
    date: dt.date,
    selection: Selection,
    calendar: Mapping[dt.date, CalendarDate],
    partitions: Mapping[tuple[str, dt.date], Known],
    unserved: need_coverage.Closed,
) -> str:
    """The reason for leaving a partition out; empty where it is a step."""
    if date not in calendar:
        return OFF_CALENDAR
    known = partitions.get((table.name, date), NEVER_READ)
    if known.activity in (Activity.QUEUED, Activity.RUNNING):
        return f"{ELSEWHERE}{known.run_id}"
    if known.state == State.UNKNOWN and is_skipped(table, date, selection):
        return BOOTSTRAP
    has_old_rows = known.state == State.COMPLETE and known.activity in Partition.NOT_REDONE
    if not has_old_rows and (reason := why_settled(known.state, selection.reprocess)):
        return reason
    if reason := unserved.get(table.name, {}).get(date, ""):
        return reason
    if known.activity in FAILED and selection.reprocess == Run.Reprocess.MISSING:
        return FAILED_BEFORE
    return ""


def is_skipped(table: Table, date: dt.date, selection: Selection) -> bool:
    """Whether the table leaves the date out on purpose: that much is known before it is read."""
    return any(date in season and table.skips(date, season) for season in selection.seasons)


def only_uncompared(partitions: Mapping[tuple[str, dt.date], Known], table: Table, date: dt.date) -> bool:
    """Whether a date that is unknown was counted, and what it is compared with is known to have no rows: no scan is
    lacking."""
    counted = partitions.get((table.name, date), NEVER_READ).rows is not None
    other = partitions.get((table.compared_with or "", date), NEVER_READ)
    return counted and other.state != State.UNKNOWN and not other.rows


def lacks_comparison(
    partitions: Mapping[tuple[str, dt.date], Known],
    table: Table,
    date: dt.date,
    planned: Collection[tuple[str, dt.date]],
) -> bool:
    """Whether nothing but a date of another table says how many rows are expected, and that one has none and nobody is
    about to fill it: a call would be judged unknown."""
    if not table.compared_with or not table.rows or like_decides(table.rows, None):
        return False
    other = (table.compared_with, date)
    known = partitions.get(other, NEVER_READ)
    return known.rows == 0 and other not in planned and known.activity not in Partition.IN_A_RUN


def why_not_expected(date: dt.date, today: dt.date, left_calendar: Collection[dt.date]) -> str:
    """Why nothing is expected of a date that is not on the calendar."""
    if date in left_calendar:
        return LEFT_CALENDAR
    return NOT_OVER if date >= today else OFF_CALENDAR


def why_settled(state: str, reprocess: str) -> str:
    match state:
        case State.NOT_EXPECTED | State.UNEXPECTED:
            return BOOTSTRAP
        case State.ACCEPTED:
            return ACCEPTED
        case State.UNKNOWN:
            return UNKNOWN
        case State.COMPLETE if reprocess != Run.Reprocess.ALL:
            return COMPLETE
    return ""


def is_redo(state: str, activity: str) -> bool:
    """Whether a run would fill again what is complete, or was when the redo failed that it is to make good."""
    return state in (State.COMPLETE, State.STALE) or activity in Partition.NOT_REDONE


def unserved_dates(pipeline: Pipeline, selection: Selection) -> need_coverage.Closed:
    """For each table the dates that a need keeps from being planned: its `at_least` counts over whole seasons."""
    seasons = [
        season
        for season in selection.seasons
        if season.start <= selection.end and selection.start <= season.end
    ]
    return need_coverage.closed_dates(pipeline, {table.name for table in selection.tables}, seasons)


def estimate(plan: Plan, pipeline: Pipeline, *, lanes: int = 1, canary: Collection[dt.date] = ()) -> Estimate:
    """How long the plan likely takes, as a run of it will say before its first call; in two queries."""
    units: dict[tuple[str, bool], list[int]] = defaultdict(list)
    for step in plan.steps:
        units[step.table, step.date in canary].append(step.units)
    parts = [
        Part(table, Left(len(some), sum(some), min(some), max(some)), is_first)
        for (table, is_first), some in units.items()
    ]
    ahead = eta.legs(
        parts,
        pipeline=pipeline,
        gates=[phase.name for phase in plan.manual_gates(pipeline)],
        has_canary=bool(canary),
    )
    return eta.estimate(ahead, earlier=progress.history(set(plan.by_table)), lanes=lanes)
