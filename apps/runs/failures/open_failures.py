"""Open failures over all runs, filtered by phase, table, season and class; also as CSV."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import QuerySet
from django.http import QueryDict

from apps import exports
from apps.coverage.models import CalendarDate
from apps.pipeline import filters
from apps.pipeline.definition import Pipeline
from apps.pipeline.filters import Filter
from apps.runs.failures import failure_groups, signatures
from apps.runs.failures.failure_groups import FailureGroup
from apps.runs.failures.signatures import CLASSES
from apps.runs.models import Attempt, Step
from apps.text import date_ranges, successor

KINDS = (*(name for name, _ in CLASSES), "code")
COLUMNS = (
    "run",
    "phase",
    "table",
    "date",
    "season",
    "status",
    "class",
    "signature",
    "message",
    "attempts",
    "at",
    "log",
)


@dataclass(frozen=True)
class FailureFilter(Filter):
    """Which open failures a person looks at."""

    phase: str = ""
    table: str = ""
    season: str = ""
    kind: str = ""
    signatures: tuple[str, ...] = ()

    @classmethod
    def of(cls, values: QueryDict, pipeline: Pipeline) -> FailureFilter:
        found = cls(
            phase=filters.known(pipeline.phase, values.get("phase", "")),
            table=filters.known(pipeline.table, values.get("table", "")),
            season=filters.known(pipeline.season, values.get("season", "")),
            kind=filters.one_of(KINDS, values.get("class", "")),
            signatures=tuple(values.getlist("signature")),
        )
        return replace(found, problem=filters.problem(values, found.named))

    @property
    def named(self) -> dict[str, str]:
        return {**self.where, "class": self.kind}

    @property
    def where(self) -> dict[str, str]:
        """What is chosen of the pipeline, of which a loss of rows has a class of its own."""
        return {"phase": self.phase, "table": self.table, "season": self.season}

    def steps(self) -> list[Step]:
        """The failed steps themselves, by table and date, with their attempts."""
        return list(self.of_kind(self.found()).select_related("attempt"))

    def found(self) -> QuerySet[Step]:
        found = failure_groups.open_steps().filter(
            **{name: value for name, value in self.where.items() if value}
        )
        return failure_groups.steps_of_groups(found, self.signatures)

    def of_kind(self, steps: QuerySet[Step]) -> QuerySet[Step]:
        """The class is a guess from the message, which no database makes."""
        if not self.kind:
            return steps
        messages = steps.order_by().values_list("pk", "message").iterator()
        return steps.filter(
            pk__in=[pk for pk, said in messages if signatures.suggested_class(said) == self.kind]
        )

    def groups(self) -> list[FailureGroup]:
        return failure_groups.groups_of(self.of_kind(self.found()))

    def partitions(self) -> list[tuple[str, dt.date]]:
        return list(self.of_kind(self.found()).values_list("table", "date"))


@dataclass(frozen=True)
class ShownGroup:
    """A group of failures with its dates in words, and the last attempt that ended so."""

    group: FailureGroup
    dates: str
    attempt: Attempt | None


def shown_groups(groups: Iterable[FailureGroup], *, most: int | None = None) -> list[ShownGroup]:
    """Groups ready for a page, in two queries; with `most`, so many ranges of dates each."""
    found = list(groups)
    if not found:
        return []
    after = successor(list(CalendarDate.objects.values_list("date", flat=True)))
    newest = {group.last_attempt_id for group in found if group.last_attempt_id}
    attempts = Attempt.objects.only("run_id", "number").in_bulk(newest)
    return [
        ShownGroup(
            group, date_ranges(group.dates, most=most, after=after), attempts.get(group.last_attempt_id or 0)
        )
        for group in found
    ]


def csv_lines(steps: QuerySet[Step] | list[Step], *, base_url: str) -> Iterator[str]:
    """The failures as CSV, a line each, safe to open in a spreadsheet."""
    return exports.csv_lines(COLUMNS, (cells(step, base_url) for step in steps))


def cells(step: Step, base_url: str) -> list[Any]:
    return [
        step.run_id,
        step.phase,
        step.table,
        step.date.isoformat(),
        step.season,
        step.status,
        signatures.suggested_class(step.message) if step.status == Step.Status.FAILED else "",
        step.signature or signatures.signature(step.message),
        step.message,
        step.attempts,
        step.finished_at.isoformat() if step.finished_at else "",
        f"{base_url}{step.attempt.get_absolute_url()}" if step.attempt else "",
    ]
