"""Accepts gaps, withdraws acceptances, and reapplies them after each reading.

Only gaps can be accepted: missing, thin, excess and stale. Rows where none belong are no gap, and what is unknown may
be none; both stay in sight.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from functools import reduce
from operator import or_

from django.db import transaction
from django.db.models import Count, F, Q
from django.utils import timezone

from apps import text
from apps.coverage.models import AcceptedGap, CalendarDate, Partition, PartitionQuerySet
from apps.pipeline.sections import Table

State, Activity = Partition.State, Partition.Activity


class CannotAccept(Exception):
    """There is no gap to accept, or another number than the page showed; the text says why."""


class AlreadyWithdrawn(Exception):
    """The acceptance was withdrawn before."""


@dataclass(frozen=True)
class Acceptance:
    """Tables in the pipeline's order, and a range of dates, both ends included, or of it the dates in `only`."""

    tables: tuple[Table, ...]
    start: dt.date
    end: dt.date
    only: tuple[text.Range, ...] = ()

    @property
    def names(self) -> list[str]:
        return [table.name for table in self.tables]

    @property
    def partitions(self) -> PartitionQuerySet:
        found = Partition.objects.of(self.names).between(self.start, self.end)
        return found.filter(reduce(or_, (Q(date__range=each) for each in self.only), Q()))


# What would be accepted ---------------------------------------------------------------------------


@dataclass
class Outlook:
    """What accepting would take, by table and state, and what it would leave, by state and by run."""

    gaps: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    in_runs: Counter[int] = field(default_factory=Counter)
    others: Counter[str] = field(default_factory=Counter)

    @property
    def count(self) -> int:
        return sum(states.total() for states in self.gaps.values())

    @property
    def by_table(self) -> list[tuple[str, list[tuple[str, int]]]]:
        """The gaps of each table: state and number, the commonest first."""
        return [(table, states.most_common()) for table, states in self.gaps.items()]

    @property
    def why_nothing(self) -> str:
        """Why nothing can be accepted, as a sentence; empty where something can."""
        if self.count:
            return ""
        if self.in_runs:
            return f"{self.runs_in_words} Let it end, or cancel it; what is a gap then can be accepted."
        if not self.others:
            return "Nothing is known of these dates: no table of these is expected to have rows there."
        return f"There is no gap to accept: {self.others_in_words}."

    @property
    def runs_in_words(self) -> str:
        """Which runs are about to fill gaps of these; empty where none is."""
        found = [
            f"Run {run} is about to fill {count:,} of these partition{'' if count == 1 else 's'}: no gap to accept."
            for run, count in sorted(self.in_runs.items())
        ]
        return " ".join(found)

    @property
    def others_in_words(self) -> str:
        """ "12 complete, 3 unknown": what is no gap, and is left as it is."""
        order = [state for state in State.values if self.others[state]]
        return ", ".join(f"{self.others[state]:,} {state.replace('_', ' ')}" for state in order)


def outlook(wanted: Acceptance) -> Outlook:
    """What accepting this would do now, in two queries."""
    found = Outlook()
    closable = set(
        wanted.partitions.closable().order_by().values_list("table", "state", "activity").distinct()
    )
    cells = wanted.partitions.order_by().values_list("table", "state", "activity", "run_id")
    for table, state, activity, run_id, count in cells.annotate(Count("pk")):
        if activity in Partition.IN_A_RUN:
            found.in_runs[run_id] += count
        elif state in Partition.GAPS:
            found.gaps[table][state] += count
        elif (table, state, activity) in closable:
            found.gaps[table][Activity(activity).label] += count
        else:
            found.others[state] += count
    return found


# An operator's verbs --------------------------------------------------------------------------------


def accept(
    wanted: Acceptance, *, reason: str, by: str, until: dt.date | None = None, seen: int | None = None
) -> AcceptedGap:
    """Accepts these gaps; CannotAccept if there are none, or not as many as the person has `seen`."""
    with transaction.atomic():
        gap = AcceptedGap.objects.create(
            tables=wanted.names,
            start=wanted.start,
            end=wanted.end,
            reason=reason,
            accepted_by=by,
            until=until,
        )
        gap.failures = [
            [table, str(date), activity, run_id]
            for table, date, activity, run_id in wanted.partitions.closable().values_list(
                "table", "date", "activity", "run_id"
            )
        ]
        gap.count = wanted.partitions.closable().exclude(state__in=Partition.GAPS).count()
        wanted.partitions.closable().update(activity=Activity.NONE, run_id=None, closed_by=gap)
        gap.count += mark_accepted(wanted.partitions.acceptable(), acceptance=gap)
        if not gap.count:
            raise CannotAccept(outlook(wanted).why_nothing)
        if seen is not None and gap.count != seen:
            raise CannotAccept(
                f"These are {gap.count:,} gaps now, and were {seen:,} when you looked. Look again and accept."
            )
        gap.dates = ranges_by_table(gap)
        gap.save(update_fields=["count", "dates", "failures"])
    return gap


def mark_accepted(gaps: PartitionQuerySet, **facts: AcceptedGap) -> int:
    return gaps.update(read_state=F("state"), state=State.ACCEPTED, **facts)


def ranges_by_table(gap: AcceptedGap) -> dict[str, list[list[str]]]:
    """The accepted dates of each table as ranges, for the record: a complete partition drops its acceptance."""
    found: dict[str, list[dt.date]] = defaultdict(list)
    closed = gap.closed_failures.order_by().values_list("table", "date")
    for table, date in {*gap.partitions.order_by().values_list("table", "date"), *closed}:
        found[table].append(date)
    calendar = CalendarDate.objects.filter(date__range=(gap.start, gap.end)).values_list("date", flat=True)
    after = text.successor(list(calendar))
    return {
        name: [[str(first), str(last)] for first, last in text.ranges(found[name], after)]
        for name in gap.tables
        if name in found
    }


def withdraw(gap: AcceptedGap, *, by: str, reason: str = "") -> int:
    """Restores the states that were read last, and returns how many changed. AlreadyWithdrawn if it was before."""
    with transaction.atomic():
        standing = AcceptedGap.objects.filter(pk=gap.pk, withdrawn_at=None)
        if not standing.update(withdrawn_at=timezone.now(), withdrawn_by=by, withdrawn_reason=reason):
            raise AlreadyWithdrawn("It is withdrawn already.")
        return restore_read_state(Partition.objects.filter(acceptance=gap)) + reopen(gap)


def reopen(gap: AcceptedGap) -> int:
    """Reopens the failures that it closed, except those that a run has decided since; returns how many."""
    closed = {
        (each.table, str(each.date)): each for each in gap.closed_failures.filter(activity=Activity.NONE)
    }
    changed = []
    for table, date, activity, run_id in gap.failures:
        if each := closed.get((table, date)):
            each.activity, each.run_id = activity, run_id
            changed.append(each)
    Partition.objects.bulk_update(changed, ["activity", "run_id"], batch_size=500)
    gap.closed_failures.update(closed_by=None)
    return len(changed)


def restore_read_state(accepted: PartitionQuerySet) -> int:
    changed = accepted.filter(state=State.ACCEPTED).update(
        state=F("read_state"), read_state="", acceptance=None
    )
    accepted.update(acceptance=None)  # of what is unknown at present
    return changed


def expire(*, today: dt.date) -> int:
    """Ends acceptances whose last day is over, without asking the warehouse; returns how many partitions changed."""
    expired = AcceptedGap.objects.expired(today)
    reopened = sum(map(reopen, expired.exclude(closed_failures=None).distinct()))
    return restore_read_state(Partition.objects.filter(acceptance__in=expired)) + reopened


# As the warehouse is read ---------------------------------------------------------------------------


def reapply_acceptances(tables: Iterable[str], read: Collection[dt.date], *, today: dt.date) -> None:
    """After a reading: a gap stays accepted while its acceptance stands, a complete partition drops it."""
    held = Partition.objects.of(tables).between(min(read), max(read)).exclude(acceptance=None)
    if not held.exists():
        return
    held.filter(state=State.COMPLETE).update(acceptance=None)
    restore_read_state(held.filter(acceptance__in=AcceptedGap.objects.expired(today)))
    mark_accepted(held.gaps())
