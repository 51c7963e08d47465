"""Failures outside the console, such as in a terminal, from the warehouse's run history.

Jobs that the console calls note themselves there too. A date is the console's where it made the latest call.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Exists, Max, OuterRef, Q

from apps import exports, timing
from apps.coverage.models import CalendarDate, HistoryReading, HistoryTry
from apps.coverage.models import HistoryTryQuerySet as Tries
from apps.coverage.scanning import run_history
from apps.grouping import by_key
from apps.pipeline.definition import Pipeline
from apps.pipeline.scope import Scope
from apps.runs.failures import log_messages, signatures
from apps.runs.failures.failure_groups import SameCause
from apps.runs.failures.open_failures import FailureFilter
from apps.runs.models import Step
from apps.text import date_ranges, successor

NAMES_SHOWN = 5
RANGES_IN_SHELL = 6
STATUS = "failed outside the console"

After = Callable[[dt.date], dt.date]


@dataclass(frozen=True)
class Part:
    """The dates of one table in a group, in order."""

    table: str
    processor: str
    dates: tuple[dt.date, ...]
    in_words: str
    last_at: dt.datetime | None


@dataclass(frozen=True)
class Group(SameCause):
    """Failures that say the same but for names, table by table. `to_plan` are those of tables with jobs: no run fills
    a source."""

    parts: tuple[Part, ...]
    to_plan: int

    @property
    def last_at(self) -> dt.datetime | None:
        return max((part.last_at for part in self.parts if part.last_at), default=None)

    @property
    def count(self) -> int:
        return sum(len(part.dates) for part in self.parts)


@dataclass(frozen=True)
class OfNoTable:
    """Failures of processors that no table names, so that it is not known whether their dates are complete."""

    count: int
    processors: tuple[str, ...]


@dataclass(frozen=True)
class Outside:
    """What failed and is still open, by signature, the most frequent first. Nothing of it is known while the
    history could not be read."""

    reading: HistoryReading
    groups: tuple[Group, ...] = ()
    of_no_table: OfNoTable | None = None

    @property
    def count(self) -> int:
        return sum(group.count for group in self.groups)

    @property
    def says_something(self) -> bool:
        return bool(self.groups or self.of_no_table or self.reading.problem)


@dataclass(frozen=True)
class Lately:
    """The dates whose latest attempt began within a day; None of it is known while the history could not be read."""

    reading: HistoryReading
    tried: int = 0
    failed: int = 0
    last_at: dt.datetime | None = None
    open: int = 0


# What is open -------------------------------------------------------------------------------------


def open_tries(pipeline: Pipeline, *, phase: str = "", table: str = "", season: str = "") -> Tries:
    """The latest attempts, made outside, that failed and are still open; by table and date."""
    tables = pipeline.tables_of(phase) if phase else pipeline.tables
    names = [each.name for each in tables if table in ("", each.name)]
    found = not_ours(HistoryTry.objects.failed().still_open()).filter(table__in=names)
    if season:
        chosen = pipeline.season(season)
        found = found.filter(date__range=(chosen.start, chosen.end))
    return found.order_by("table", "date")


def not_ours(tries: Tries) -> Tries:
    """Without those that the console made, and those after which it made another call."""
    steps = Step.objects.filter(table=OuterRef("table"), date=OuterRef("date"))
    later = Q(attempt__finished_at__gte=OuterRef("started_at")) | Q(status=Step.Status.RUNNING)
    return tries.exclude(Exists(steps.filter(later)))


def chosen_tries(pipeline: Pipeline, chosen: FailureFilter) -> list[HistoryTry]:
    """The open ones that a person looks at: class and signature are made of the message, by no database."""
    found = open_tries(pipeline, **chosen.where)
    kind, wanted = chosen.kind, set(chosen.signatures)
    return [
        each
        for each in found
        if (not kind or signatures.suggested_class(message(each)) == kind)
        and (not wanted or signatures.key(cause(each)) in wanted)
    ]


def partitions(pipeline: Pipeline, chosen: FailureFilter) -> list[tuple[str, dt.date]]:
    """The chosen ones that a run could fill; none while the history could not be read."""
    return fillable(pipeline, known_tries(pipeline, chosen))


def known_tries(pipeline: Pipeline, chosen: FailureFilter) -> list[HistoryTry]:
    """The chosen ones; none if there is no history, or it could not be read."""
    reading = run_history.reading(pipeline)
    return chosen_tries(pipeline, chosen) if reading and reading.is_known else []


def message(each: HistoryTry) -> str:
    """What the attempt said; of a traceback its last line, and its status where it said nothing."""
    if log_messages.TRACEBACK in each.errors:
        return each.errors.splitlines()[-1].strip()[: signatures.LONGEST_MESSAGE]
    return each.errors[: signatures.LONGEST_MESSAGE] or f"{each.status or 'no status'}, without a message"


def cause(each: HistoryTry) -> str:
    """What it is grouped by, as failures of the console's own runs are."""
    return signatures.kind(signatures.signature(message(each)))


def outside(pipeline: Pipeline, chosen: FailureFilter, *, most: int) -> Outside | None:
    """For a page, in four queries; `most` ranges of dates a table. None if no history is configured."""
    reading = run_history.reading(pipeline)
    if reading is None:
        return None
    if not reading.is_known:
        return Outside(reading)
    groups = grouped(pipeline, chosen_tries(pipeline, chosen), most=most)
    return Outside(reading, tuple(groups), None if chosen.query else of_no_table())


def within(pipeline: Pipeline, scope: Scope) -> Outside | None:
    """The open failures of a scope, for the shell; None if no history is configured."""
    reading = run_history.reading(pipeline)
    if reading is None:
        return None
    if not reading.is_known:
        return Outside(reading)
    names = {table.name for table in scope.tables}
    tries = [each for each in open_tries(pipeline) if each.table in names and each.date in scope]
    return Outside(reading, tuple(grouped(pipeline, tries, most=RANGES_IN_SHELL)))


def grouped(pipeline: Pipeline, tries: Iterable[HistoryTry], *, most: int | None = None) -> list[Group]:
    """By what they say, then by table."""
    found = by_key((cause(each), each) for each in tries)
    if not found:
        return []
    after = successor(list(CalendarDate.objects.values_list("date", flat=True)))
    groups = [
        Group(
            cause=shared,
            signature=signatures.headline(shared, (signatures.signature(message(each)) for each in some)),
            sample=message(some[0]),
            parts=tuple(parts(some, most, after)),
            to_plan=len(fillable(pipeline, some)),
        )
        for shared, some in found.items()
    ]
    return sorted(groups, key=lambda each: (-each.count, each.signature))


def fillable(pipeline: Pipeline, tries: Iterable[HistoryTry]) -> list[tuple[str, dt.date]]:
    """Their partitions, without those of sources."""
    return [(each.table, each.date) for each in tries if not pipeline.table(each.table).is_source]


def parts(tries: Iterable[HistoryTry], most: int | None, after: After) -> Iterator[Part]:
    for table, some in by_key((each.table, each) for each in tries).items():
        dates = tuple(sorted({each.date for each in some}))
        yield Part(
            table=table,
            processor=some[0].processor,
            dates=dates,
            in_words=date_ranges(dates, most=most, after=after),
            last_at=max((each.started_at for each in some if each.started_at), default=None),
        )


def of_no_table() -> OfNoTable | None:
    counts = HistoryTry.objects.failed().of_no_table().values("processor").annotate(dates=Count("id"))
    found = list(counts.order_by("-dates", "processor").values_list("processor", "dates"))
    if not found:
        return None
    names = [name or "without a name" for name, _ in found]
    more = [f"{len(names) - NAMES_SHOWN} more"] if len(names) > NAMES_SHOWN else []
    return OfNoTable(sum(dates for _, dates in found), (*names[:NAMES_SHOWN], *more))


# What was done lately -----------------------------------------------------------------------------


def lately(pipeline: Pipeline, *, now: dt.datetime) -> Lately | None:
    """Of the last 24 hours, in two queries. None if no history is configured."""
    reading = run_history.reading(pipeline)
    if reading is None:
        return None
    if not reading.is_known:
        return Lately(reading)
    recent = Q(started_at__gte=now - timing.OUTSIDE_WORK_LATELY)
    is_open = Q(
        HistoryTry.objects.is_open(), failed=True, table__in=[table.name for table in pipeline.tables]
    )
    counts = not_ours(HistoryTry.objects.filter(recent | Q(failed=True))).aggregate(
        tried=Count("id", filter=recent),
        last_at=Max("started_at", filter=recent),
        open=Count("id", filter=is_open),
        # The last: from here on, the name is that of this count.
        failed=Count("id", filter=recent & Q(failed=True)),
    )
    return Lately(reading, **counts)


# As a file ----------------------------------------------------------------------------------------


def csv_lines(pipeline: Pipeline, chosen: FailureFilter) -> Iterator[str]:
    """The open failures, a line each, in the columns of those of runs; none if nothing is known."""
    return exports.csv_lines((), (cells(pipeline, each) for each in known_tries(pipeline, chosen)))


def cells(pipeline: Pipeline, each: HistoryTry) -> list[Any]:
    season, said = pipeline.season_of(each.date), message(each)
    return [
        "",
        pipeline.table(each.table).phase,
        each.table,
        each.date.isoformat(),
        season.name if season else "",
        STATUS,
        signatures.suggested_class(said),
        signatures.signature(said),
        said,
        "",
        each.started_at.isoformat() if each.started_at else "",
        "",
    ]
