"""Side effects of a call: rows added or lost on dates of its table that it was not asked to fill."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.db.models import Q

from apps.coverage.models import Partition
from apps.coverage.scanning import snapshots
from apps.coverage.scanning.judging import Found
from apps.coverage.scanning.snapshots import Snapshot
from apps.pipeline import definition
from apps.pipeline.definition import Pipeline
from apps.pipeline.sections import Table
from apps.runs.models import Attempt, Step
from apps.text import count, date_ranges

RANGES_SHOWN = 6
State = Partition.State
NOT_WHOLE = (State.MISSING, State.THIN, State.EXCESS)


@dataclass(frozen=True, slots=True)
class Change:
    """The counts of a date before and after the call."""

    before: Found
    after: Found

    @property
    def date(self) -> dt.date:
        return self.after.date

    @property
    def gained(self) -> int:
        return max((self.after.rows or 0) - (self.before.rows or 0), 0)

    @property
    def lost_rows(self) -> int:
        return max((self.before.rows or 0) - (self.after.rows or 0), 0)

    @property
    def is_loss(self) -> bool:
        """Whether the date was complete and has fewer rows or keys now."""
        was, now = self.before.count, self.after.count
        if not (self.before.is_complete and was and now):
            return False
        return now.rows < was.rows or (now.keys or 0) < (was.keys or 0)

    @property
    def has_too_many_rows(self) -> bool:
        """Whether the date was complete and is not any more, although nothing is gone: it has too many rows."""
        return self.before.is_complete and not self.is_loss and self.after.verdict.state in NOT_WHOLE

    @property
    def is_damage(self) -> bool:
        return self.is_loss or self.has_too_many_rows

    @property
    def is_destroyed(self) -> bool:
        """Whether the date was complete and is not any more, or has no row left where that is complete, too."""
        return self.is_damage and (not self.after.is_complete or not self.after.rows)


@dataclass(frozen=True)
class SideEffects:
    """The dates beside the call's own on which its table changed meanwhile; none if the engine does not tell."""

    changes: tuple[Change, ...] = ()

    @property
    def damaged(self) -> list[Change]:
        """Dates that were complete and have fewer rows or keys now, or too many rows."""
        return [each for each in self.changes if each.is_damage]

    @property
    def appeared(self) -> str:
        """ "12 rows appeared on 2024-04-10, which the call was not asked for"; empty if none did."""
        more = [each for each in self.changes if each.gained]
        if not more:
            return ""
        rows = count(sum(each.gained for each in more), "row")
        return f"{rows} appeared on {dates_in_words(more)}, which the call was not asked for"


def dates_in_words(changes: Sequence[Change]) -> str:
    """ "2024-04-10"; "40 dates (2024-04-01 to 2024-05-10)"."""
    dates = [each.date for each in changes]
    words = date_ranges(dates, most=RANGES_SHOWN)
    return words if len(dates) == 1 else f"{count(len(dates), 'date')} ({words})"


def of_call(
    pipeline: Pipeline,
    table: Table,
    attempt: Attempt,
    dates: Collection[dt.date],
    before: Snapshot,
    after: Snapshot,
) -> SideEffects:
    """What changed beside the call's own dates, but for dates that other calls were at meanwhile."""
    changed = snapshots.differences(table.name, before, after) - requested_dates(table, dates)
    if changed:
        changed -= others_at_work(attempt.table, attempt.lease, since=before.asked_at)
    was = before.judged(pipeline, table.name, changed)
    found = after.judged(pipeline, table.name, changed)
    return SideEffects(tuple(Change(was[date], found[date]) for date in sorted(changed)))


def requested_dates(table: Table, dates: Collection[dt.date]) -> set[dt.date]:
    """The dates that the call names; of a range those between them too."""
    if not (table.job and table.job.takes_ranges and dates):
        return set(dates)
    first, last = min(dates), max(dates)
    return {first + dt.timedelta(days=number) for number in range((last - first).days + 1)}


def others_at_work(table: str, lease: str, *, since: dt.datetime) -> set[dt.date]:
    """Dates of a table that calls of other lanes, of any run, were filling after that time."""
    calls = Attempt.objects.filter(table=table).exclude(lease=lease)
    meanwhile = calls.filter(Q(status=Attempt.Status.RUNNING) | Q(finished_at__gte=since)).values_list(
        "dates", flat=True
    )
    return {dt.date.fromisoformat(date) for dates in meanwhile for date in dates}


# What is said -------------------------------------------------------------------------------------


def call_in_words(attempt: Attempt) -> str:
    """ "attempt 3 (2024-01-05)"."""
    return f"attempt {attempt.number} ({date_ranges(attempt.date_list, most=RANGES_SHOWN)})"


def damage_in_words(table: str, damaged: Sequence[Change]) -> str:
    """ "sales lost 32 rows on 4 dates (2024-01-01 to 2024-01-04)", keys where no row is gone; "sales has 8 rows too
    many on 2024-01-02"."""
    name, said = definition.short_name(table), []
    lost, spoilt = (
        [each for each in damaged if each.is_loss],
        [each for each in damaged if each.has_too_many_rows],
    )
    if lost:
        rows = sum(each.lost_rows for each in lost)
        said.append(f"lost {count(rows, 'row') if rows else 'different keys'} on {dates_in_words(lost)}")
    if spoilt:
        rows = sum(each.gained for each in spoilt)
        said.append(f"has {count(rows, 'row')} more and too many on {dates_in_words(spoilt)}")
    return f"{name} {' and '.join(said)}"


def damage_of_step(step: Step, found: Found, since: str) -> str:
    """The message of a step that was verified and does not hold any more; `since` says what was between."""
    had, has, keys = step.rows_after or 0, found.rows or 0, step.keys_after or 0
    if has < had:
        return f"regression: {count(had, 'row')} when it was verified, {has:,} {since}"
    if found.keys is not None and found.keys < keys:
        return f"regression: {count(keys, 'different key')} when it was verified, {found.keys:,} {since}"
    return f"{found.verdict.state} {since}: {found.verdict.reason}"
