"""Failures grouped by cause, of one run or open over all runs, and the partitions to retry."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache, reduce
from operator import or_
from typing import Any

from django.db.models import Count, Exists, Max, Min, OuterRef, Q, QuerySet, Subquery, Sum, TextField
from django.db.models.functions import Cast

from apps.coverage.models import Partition
from apps.grouping import by_key
from apps.runs.failures.signatures import cause, headline, key, suggested_class
from apps.runs.models import Run, Step
from apps.text import count

Part = Mapping[str, Any]


@dataclass(frozen=True)
class SameCause:
    """Failures with one cause: `signature` is the title of their group, `sample` the message of one of them."""

    cause: str
    signature: str
    sample: str

    @property
    def key(self) -> str:
        return key(self.cause)

    @property
    def suggested_class(self) -> str:
        return suggested_class(self.sample)


@dataclass(frozen=True)
class FailureGroup(SameCause):
    """Failures that say the same, but for names. `attempts` is how often their partitions were tried in vain, over all
    runs where asked; `redos` are those whose date was complete before.

    The log of the newest attempt that ended so, `last_attempt_id`, is the place to look. `steps` are the steps
    themselves, if the group was made of them.
    """

    count: int
    tables: list[str]
    dates: list[dt.date]
    runs: list[int]
    attempts: int
    redos: int
    first_at: dt.datetime | None
    last_at: dt.datetime | None
    last_attempt_id: int | None
    steps: tuple[Step, ...] = ()

    @property
    def tried(self) -> str:
        """ "2 dates, each tried once", "1 date, tried 3 times", "4 partitions of 2 dates, tried 5 times in all"."""
        dates = count(len(self.dates), "date")
        what = dates if self.count <= len(self.dates) else f"{count(self.count, 'partition')} of {dates}"
        if not self.attempts:
            return f"{what}, never tried"
        if self.attempts == self.count:
            return f"{what}, tried once" if self.count == 1 else f"{what}, each tried once"
        return f"{what}, tried {count(self.attempts, 'time')}{' in all' if self.count > 1 else ''}"


def grouped(steps: Iterable[Step]) -> list[FailureGroup]:
    """Failed and skipped steps by cause, the most frequent first."""
    groups = by_key((cause(step.status, step.signature), step) for step in steps)
    return by_frequency(
        replace(
            group_of(text, [part_of(step) for step in some], sorted({step.date for step in some})),
            steps=tuple(some),
        )
        for text, some in groups.items()
    )


def part_of(step: Step) -> Part:
    """A single step, as `parts_of` counts many."""
    return {
        "signature": step.signature,
        "table": step.table,
        "run_id": step.run_id,
        "count": 1,
        "attempts": step.attempts,
        "redos": int(step.is_redo),
        "sample": step.message,
        "first_at": step.finished_at,
        "last_at": step.finished_at,
        "last_attempt": step.attempt_id,
    }


def by_frequency(groups: Iterable[FailureGroup]) -> list[FailureGroup]:
    return sorted(groups, key=lambda group: (-group.count, group.signature))


def groups_of(steps: QuerySet[Step]) -> list[FailureGroup]:
    """The groups of `grouped` without loading a step: in two queries, with the attempts of all runs."""
    parts = by_key((cause(part["status"], part["signature"]), part) for part in parts_of(steps))
    if not parts:
        return []
    dates = dates_of(steps)
    return by_frequency(group_of(text, some, sorted(dates[text])) for text, some in parts.items())


def parts_of(steps: QuerySet[Step]) -> Iterable[Part]:
    """The steps counted by status, signature, table and run, in the order in which they first failed."""
    same = Step.objects.filter(table=OuterRef("table"), date=OuterRef("date"))
    in_vain = same.exclude(status=Step.Status.SUCCEEDED)
    tried = in_vain.order_by().values("table")
    tries = Subquery(tried.annotate(tries=Sum("attempts")).values("tries"))
    parts = steps.order_by().annotate(tries=tries).values("status", "signature", "table", "run_id").annotate(
        count=Count("id"),
        attempts=Sum("tries"),
        redos=Count("id", filter=Q(is_redo=True)),
        sample=Min("message"),
        first=Min("id"),
        first_at=Min("finished_at"),
        last_at=Max("finished_at"),
        last_attempt=Max("attempt_id"),
    )  # fmt: skip
    return parts.order_by("first")


def dates_of(steps: QuerySet[Step]) -> dict[str, set[dt.date]]:
    """The dates of each cause. They are parsed once each, since most are there many times."""
    found: dict[str, set[dt.date]] = defaultdict(set)
    date_of = cache(dt.date.fromisoformat)
    day = Cast("date", TextField())
    rows = steps.order_by().values_list("status", "signature", day).distinct()
    for status, text, date in rows.iterator():
        found[cause(status, text)].add(date_of(date))
    return found


def group_of(cause: str, parts: list[Part], dates: list[dt.date]) -> FailureGroup:
    return FailureGroup(
        cause=cause,
        signature=headline(cause, (part["signature"] for part in parts)),
        sample=parts[0]["sample"],
        count=sum(part["count"] for part in parts),
        tables=list(dict.fromkeys(part["table"] for part in parts)),
        dates=dates,
        runs=sorted({part["run_id"] for part in parts}),
        attempts=sum(part["attempts"] for part in parts),
        redos=sum(part["redos"] for part in parts),
        first_at=min((part["first_at"] for part in parts if part["first_at"]), default=None),
        last_at=max((part["last_at"] for part in parts if part["last_at"]), default=None),
        last_attempt_id=max((part["last_attempt"] for part in parts if part["last_attempt"]), default=None),
    )


def open_steps() -> QuerySet[Step]:
    """The steps that are still to be done: for each partition only what the last run that decided it left."""
    still_open = Partition.objects.open_failures().filter(
        table=OuterRef("table"), date=OuterRef("date"), run_id=OuterRef("run_id")
    )
    return Step.objects.not_done().filter(Exists(still_open)).order_by("table", "date")


def off_calendar() -> list[tuple[str, dt.date]]:
    """The open failures that no run fills any more: the calendar does not expect their dates now."""
    found = Partition.objects.open_failures().filter(Partition.OFF_CALENDAR)
    return list(found.order_by("table", "date").values_list("table", "date"))


def open_failures() -> list[FailureGroup]:
    """All that is still open, over all runs, by cause."""
    return groups_of(open_steps())


def to_retry(run: Run, signatures: Iterable[str] = ()) -> list[tuple[str, dt.date]]:
    """The partitions that failed or were skipped in a run; with signatures, or keys of groups, only those groups."""
    steps = run.steps.filter(status__in=(Step.Status.FAILED, Step.Status.SKIPPED))
    return list(steps_of_groups(steps, signatures).values_list("table", "date"))


def steps_of_groups(steps: QuerySet[Step], signatures: Iterable[str]) -> QuerySet[Step]:
    """The steps of the groups that one of these signatures is in, or whose keys these are; all where none is named."""
    wanted = list(signatures)
    if not wanted:
        return steps
    chosen = by_key(
        (status, text)
        for status, text in steps.order_by().values_list("status", "signature").distinct()
        if is_named(cause(status, text), {cause(status, each) for each in wanted}, wanted)
    )
    some = [Q(status=status, signature__in=texts) for status, texts in chosen.items()]
    return steps.filter(reduce(or_, some)) if some else steps.none()


def is_named(cause: str, causes: Collection[str], keys: Collection[str]) -> bool:
    return cause in causes or key(cause) in keys
