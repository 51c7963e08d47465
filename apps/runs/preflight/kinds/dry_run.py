"""The check that performs jobs with their dry-run arguments, and does not believe that nothing was written."""

from __future__ import annotations

import datetime as dt
import shlex
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from django.db.models import Q
from django.utils import timezone

from apps.coverage.scanning import questions
from apps.pipeline.check_kinds import DryRun
from apps.pipeline.definition import Pipeline
from apps.pipeline.sections import Table
from apps.runs.calls import jobs
from apps.runs.calls.jobs import Call, Outcome
from apps.runs.models import Attempt
from apps.runs.preflight import remedies
from apps.runs.preflight.dates import dates_to_fill
from apps.runs.preflight.facts import Facts
from apps.runs.preflight.finding import Finding, Level, failed, passed, skipped, some, unknown
from apps.runs.preflight.kinds.calls import CommandResult, not_answered, perform
from apps.text import count, date_ranges
from apps.warehouse.base import (
    EMPTY,
    NO_DATE,
    Count,
    Fingerprinting,
    InUse,
    QueryFailed,
    Question,
    Reading,
    Rehearsing,
    TakesTurns,
    WarehouseError,
)
from apps.warehouse.fingerprints import Fingerprints

Key = tuple[str, dt.date]
Changes = dict[Key, tuple[Count, Count]]


@dataclass(frozen=True)
class Tried:
    """The dry run of a table's job, performed."""

    table: Table
    dates: list[dt.date]
    call: Call
    said: CommandResult

    @property
    def name(self) -> str:
        return self.table.short_name

    @property
    def words(self) -> str:
        return f"cd {shlex.quote(str(self.call.cwd))} && {shlex.join(self.call.shown_argv)}"

    @property
    def called(self) -> str:
        """No remedy: it would write again."""
        return f"It was called as: {self.words}"


def dry_run(asked: DryRun, facts: Facts) -> Iterator[Finding]:
    """Each job on its first dates with something to do. The whole warehouse is looked at once before and once after."""
    until = time.monotonic() + asked.timeout
    to_try: list[tuple[Table, list[dt.date], Call]] = []
    for table in facts.jobs(asked):
        assert table.job
        dates = dates_to_fill(facts, table).to_fill[: asked.dates]
        if not dates:
            yield skipped(f"{table.short_name}: no date of {facts.dates_in_words} is expected.")
        elif table.job.sql:
            yield rehearsed(facts, table, dates, timeout=max(until - time.monotonic(), 1))
        elif words := asked.dry_run or table.job.dry_run:
            call = jobs.prepare(facts.pipeline, table.job, dates)
            to_try.append((table, dates, replace(call, argv=(*call.argv, *words))))
        else:
            yield skipped(f"The job of {table.short_name} has no words for a dry run.")
    if to_try:
        yield from performed(to_try, facts, until=until, timeout=asked.timeout)


def performed(
    to_try: list[tuple[Table, list[dt.date], Call]], facts: Facts, *, until: float, timeout: float
) -> Iterator[Finding]:
    before, prints, began = counted(facts), fingerprinted(facts), timezone.now()
    tried = [
        Tried(table, dates, call, perform_in_turn(call, facts, timeout=max(until - time.monotonic(), 1)))
        for table, dates, call in to_try
    ]
    after, prints_after = counted(facts), fingerprinted(facts)
    theirs = filled_by_runs(facts.pipeline, began)
    changes = written(before, after, theirs)
    gone = came_or_went(before, after)
    named = {table for table, _ in changes} | problems_of(before, after)
    more = rewritten(prints, prints_after, besides=named | {table for table, _ in theirs})
    compared = compared_in_words(prints, prints_after, {table for table, _ in theirs})
    found = [finding(each, uncounted(facts, each.table, before, after), timeout, compared) for each in tried]
    said = [*gone, *(in_rows(*change) for change in sorted(changes.items())), *more]
    yield from findings_of_writers(tried, found, said, compared) if said else found


def perform_in_turn(call: Call, facts: Facts, *, timeout: float) -> CommandResult:
    """Calls a job with the warehouse for itself, where only one process at a time may have it."""
    if not isinstance(facts.warehouse, TakesTurns):
        return perform(call, timeout=timeout)
    try:
        with facts.warehouse.turn_of_call("the dry run of a pre-flight", owner="", stopped=lambda: False):
            return perform(call, timeout=timeout)
    except InUse as busy:
        return CommandResult(Outcome(error=f"It was not called: {busy}."), "")


def findings_of_writers(
    tried: list[Tried], found: list[Finding], changes: list[str], compared: str
) -> Iterator[Finding]:
    """Counts do not show which job wrote, since a job may write any table: so none of several passes."""
    if len(tried) == 1:
        yield wrote(f"The dry run of {tried[0].name}", changes, compared, detail=tried[0].called)
        return
    names = [each.name for each in tried]
    yield wrote(f"One of the dry runs of {some(names, most=len(names))}", changes, compared)
    for each, own in zip(tried, found, strict=True):
        yield (
            own
            if own.level == Level.FAILURE
            else failed(
                f"The dry run of {each.name} may be the one that wrote.",
                value=date_ranges(each.dates),
                detail=f"{each.called}; {own.detail if own.level == Level.PASS else own.text}",
            )
        )


def rehearsed(facts: Facts, table: Table, dates: list[dt.date], *, timeout: float) -> Finding:
    """A script, looked at by the warehouse itself; nothing of it is performed, so there is nothing to count."""
    if not isinstance(facts.warehouse, Rehearsing):
        engine = facts.pipeline.warehouse.engine
        return skipped(f"The SQL of {table.short_name}: the engine {engine} knows no dry run of a script.")
    assert table.job and table.job.sql
    path = facts.pipeline.inside(table.job.sql)
    try:
        said = facts.warehouse.rehearse(
            path.read_text(encoding="utf-8"),
            start=min(dates),
            end=max(dates),
            timeout=timeout,
            stopped=lambda: False,
        )
    except QueryFailed as error:
        return failed(
            f"The SQL of {table.short_name} would fail: {str(error).rstrip('.')}.",
            value=str(path),
            command=remedies.open_editor(path),
        )
    except OSError as error:
        said = f"The SQL of {table.short_name} could not be read: {error.strerror}."
        return unknown(said, value=str(path), command=remedies.list_folder(path))
    except WarehouseError as error:
        return unknown(f"The SQL of {table.short_name} could not be asked about: {str(error).rstrip('.')}.")
    return passed(f"The SQL of {table.short_name} would run.", value=date_ranges(dates), detail=said)


def counted(facts: Facts) -> Reading | str:
    """Every date of every table and of the run history, in one query; why not, where it could not be counted."""
    try:
        return facts.warehouse.count(all_questions(facts.pipeline))
    except WarehouseError as error:
        return str(error).rstrip(".")


def fingerprinted(facts: Facts) -> Fingerprints | None:
    """Of the tables, by what the warehouse can tell cheaply; None if it cannot, or does not answer."""
    if not isinstance(facts.warehouse, Fingerprinting):
        return None
    try:
        return facts.warehouse.fingerprints([each.table for each in all_questions(facts.pipeline)])
    except WarehouseError:
        return None  # then the rows a date are all that was compared, and the finding says so


def rewritten(before: Fingerprints | None, after: Fingerprints | None, *, besides: set[str]) -> list[str]:
    """Tables whose contents are others now, a clause each, without those of which something is said already."""
    if before is None or after is None:
        return []
    return [
        f"{table} ({how_changed(before.by_table.get(table), after.by_table.get(table))})"
        for table in after.changed(before)
        if table not in besides
    ]


def how_changed(was: str | None, now: str | None) -> str:
    if not was:
        return "it is there now, and was not before"
    return "its contents are not those from before" if now else "it is gone"


def compared_in_words(before: Fingerprints | None, after: Fingerprints | None, filled: set[str]) -> str:
    """What was looked at before and after, for people to know what a pass is worth."""
    rows = "rows of each date of the tables in the pipeline file"
    if before is None or after is None:
        return f"compared before and after: {rows}"
    left_out = f", without {some(sorted(filled))}, which runs fill" if filled else ""
    return f"compared before and after: {rows}; {after.compared}{left_out}"


def problems_of(*readings: Reading | str) -> set[str]:
    return {table for reading in readings if not isinstance(reading, str) for table in reading.problems}


def all_questions(pipeline: Pipeline) -> list[Question]:
    found = [replace(questions.question(table), undated=True) for table in pipeline.tables]
    history = pipeline.history
    if history and history.table not in {each.table for each in found}:
        found.append(Question(history.table, history.date, written_column=history.started, undated=True))
    return found


def uncounted(facts: Facts, table: Table, *readings: Reading | str) -> str:
    """Why it is not known whether the table or the run history was written; empty if it is."""
    history = facts.pipeline.history
    for reading in readings:
        if isinstance(reading, str):
            return reading
        for name in (table.name, history.table if history else ""):
            if name in reading.problems:
                return reading.problems[name]
    return ""


def written(before: Reading | str, after: Reading | str, theirs: set[Key]) -> Changes:
    """What is different now, as far as it could be counted, without what runs were filling meanwhile."""
    found: Changes = {}
    if isinstance(before, str) or isinstance(after, str):
        return found
    for table in before.counts.keys() & after.counts.keys():
        for date in before.counts[table].keys() | after.counts[table].keys():
            was, now = before.counts[table].get(date, EMPTY), after.counts[table].get(date, EMPTY)
            if was != now and (table, date) not in theirs:
                found[table, date] = (was, now)
    return found


def came_or_went(before: Reading | str, after: Reading | str) -> list[str]:
    """Tables that are there now and were not, or the other way round, a clause each."""
    if isinstance(before, str) or isinstance(after, str):
        return []
    went = [
        f"{table} could be read before, and after: {after.problems[table]}"
        for table in sorted(before.counts.keys() - after.counts.keys())
    ]
    came = [
        f"{table} is there now, and before: {before.problems[table]}"
        for table in sorted(after.counts.keys() - before.counts.keys())
    ]
    return went + came


def filled_by_runs(pipeline: Pipeline, since: dt.datetime) -> set[Key]:
    """What attempts of runs may have written from then on: their partitions, and these dates of the run history."""
    at_work = Attempt.objects.filter(Q(finished_at=None) | Q(finished_at__gte=since))
    found = {(each.table, date) for each in at_work.only("table", "dates") for date in each.date_list}
    noted = {(pipeline.history.table, date) for _, date in found} if pipeline.history else set()
    return found | noted


def finding(tried: Tried, uncounted: str, timeout: float, compared: str) -> Finding:
    """How it ended; unknown if the rows could not be counted, even if it ended well."""
    name, said, words = tried.name, tried.said, tried.words
    if unanswered := not_answered(said, timeout):
        return replace(unanswered, text=f"The dry run of {name}: {unanswered.text}", command=words)
    if said.outcome.exit_status:
        text = f"The dry run of {name} ended with {said.outcome.exit_status}."
        return failed(text, detail=said.last_line, command=words)
    if said.errors:
        return failed(f"The dry run of {name} said an error: {said.errors[0]}", command=words)
    if uncounted:
        return unknown(
            f"Nobody knows whether the dry run of {name} wrote: rows could not be counted, {uncounted}.",
            command=words,
        )
    return passed(
        f"The dry run of {name} wrote nothing.",
        value=date_ranges(tried.dates),
        threshold=compared,
        detail=said.last_line,
        command=words,
    )


def in_rows(key: Key, rows: tuple[Count, Count]) -> str:
    (table, date), (was, now) = key, rows
    where = "without a date" if date == NO_DATE else f"on {date}"
    return f"{table} {where} ({was.rows:,} rows before, {now.rows:,} after)"


def wrote(who: str, changes: list[str], compared: str, *, detail: str = "") -> Finding:
    return failed(
        f"{who} wrote: {some(changes, most=4)}.",
        value=count(len(changes), "change"),
        threshold=compared,
        detail=detail,
    )
