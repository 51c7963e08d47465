"""The check that performs jobs with their dry-run arguments, and does not believe that nothing was written."""

from __future__ import annotations

import datetime as dt
import shlex
import time
from collections.abc import Iterator
from dataclasses import replace

from django.db.models import Q
from django.utils import timezone

from apps.coverage import scanning
from apps.coverage.dates import in_words
from apps.pipeline.check_kinds import DryRun
from apps.pipeline.definition import Table
from apps.runs import jobs
from apps.runs.jobs import Call
from apps.runs.models import Attempt
from apps.runs.preflight.facts import Facts
from apps.runs.preflight.finding import Finding, failed, passed, skipped, some, unknown
from apps.runs.preflight.kinds.calls import Said, not_answered, perform
from apps.runs.preflight.registry import CALLING, check
from apps.runs.words import count
from apps.warehouse.base import EMPTY, Count, Reading, WarehouseError

Key = tuple[str, dt.date]


@check("dry_run", asks_warehouse=True, valid_for=24 * 3600, grace=CALLING)
def dry_run(asked: DryRun, facts: Facts) -> Iterator[Finding]:
    """Each job on its first dates with something to do, the whole warehouse counted around it."""
    until = time.monotonic() + asked.timeout
    before = counted(facts)
    for table in facts.jobs(asked):
        words, dates = words_of(asked, table), dates_of(facts, table, asked.dates)
        if not words:
            yield skipped(f"The job of {table.short_name} has no words for a dry run.")
        elif not dates:
            yield skipped(f"{table.short_name}: no date of {facts.dates_in_words} is expected.")
        else:
            call = with_words(facts, table, dates, words)
            began = timezone.now()
            said = perform(call, timeout=max(until - time.monotonic(), 1))
            after = counted(facts)
            yield finding(table, dates, call, said, asked.timeout, written(table, before, after, began))
            before = after


def words_of(asked: DryRun, table: Table) -> tuple[str, ...]:
    """None for SQL: the warehouse knows no dry run of a script."""
    assert table.job
    return (asked.dry_run or table.job.dry_run) if table.job.command else ()


def dates_of(facts: Facts, table: Table, most: int) -> list[dt.date]:
    """Dates with something to fill, where a job that writes would show it; else such as are complete."""
    rows = list(zip(facts.grid.dates, facts.grid.states[table.name], strict=True))
    gaps = [date for date, state in rows if state in "mtes"]
    return (gaps or [date for date, state in rows if state in "cu"])[:most]


def with_words(facts: Facts, table: Table, dates: list[dt.date], words: tuple[str, ...]) -> Call:
    assert table.job
    call = jobs.prepare(facts.pipeline, table.job, dates)
    return replace(call, argv=(*call.argv, *words))


def counted(facts: Facts) -> Reading | str:
    """Every date of every table, in one query; why not, where it could not be counted."""
    try:
        return facts.warehouse.count([scanning.question(table) for table in facts.pipeline.tables])
    except WarehouseError as error:
        return str(error).rstrip(".")


def written(
    own: Table, before: Reading | str, after: Reading | str, since: dt.datetime
) -> dict[Key, tuple[Count, Count]] | str:
    """What is different now, without what runs were filling meanwhile; or why nobody can say."""
    for reading in (before, after):
        if isinstance(reading, str) or own.name in reading.problems:
            return reading if isinstance(reading, str) else reading.problems[own.name]
    assert isinstance(before, Reading) and isinstance(after, Reading)
    theirs = filled_by_runs(since)
    found = {}
    for table in before.counts.keys() & after.counts.keys():
        for date in before.counts[table].keys() | after.counts[table].keys():
            was, now = before.counts[table].get(date, EMPTY), after.counts[table].get(date, EMPTY)
            if was != now and (table, date) not in theirs:
                found[table, date] = (was, now)
    return found


def filled_by_runs(since: dt.datetime) -> set[Key]:
    """What attempts of runs may have written from then on."""
    at_work = Attempt.objects.filter(Q(finished_at=None) | Q(finished_at__gte=since))
    return {(each.table, date) for each in at_work.only("table", "dates") for date in each.date_list}


def finding(
    table: Table,
    dates: list[dt.date],
    call: Call,
    said: Said,
    timeout: float,
    changes: dict[Key, tuple[Count, Count]] | str,
) -> Finding:
    """That it wrote outweighs how it ended; that nobody could count outweighs that it ended well."""
    words = f"cd {shlex.quote(str(call.cwd))} && {shlex.join(call.shown_argv)}"
    name = table.short_name
    if isinstance(changes, dict) and changes:
        return wrote(name, changes, words)
    if unanswered := not_answered(said, timeout):
        return replace(unanswered, text=f"The dry run of {name}: {unanswered.text}", command=words)
    if said.outcome.exit_status:
        text = f"The dry run of {name} ended with {said.outcome.exit_status}."
        return failed(text, detail=said.last_words, command=words)
    if said.errors:
        return failed(f"The dry run of {name} said an error: {said.errors[0]}", command=words)
    if isinstance(changes, str):
        return unknown(
            f"Nobody knows whether the dry run of {name} wrote: rows could not be counted, {changes}."
        )
    return passed(
        f"The dry run of {name} wrote nothing.", value=in_words(dates), detail=said.last_words, command=words
    )


def wrote(name: str, changes: dict[Key, tuple[Count, Count]], words: str) -> Finding:
    places = [
        f"{table} on {date} ({was.rows:,} rows before, {now.rows:,} after)"
        for (table, date), (was, now) in sorted(changes.items())
    ]
    return failed(
        f"The dry run of {name} wrote: {some(places, most=4)}.",
        value=count(len(changes), "partition"),
        threshold="row counts before and after are equal",
        command=words,
    )
