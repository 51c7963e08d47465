"""Open failures as people look through them: by phase, table, season and class, over all runs."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import QueryDict

from apps.coverage.dates import in_words, successor
from apps.coverage.downloads import Line, harmless
from apps.coverage.models import CalendarDate
from apps.pipeline.definition import Pipeline, UnknownName
from apps.runs import failures
from apps.runs.failures import CLASSES, FailureGroup
from apps.runs.models import Step

KINDS = (*(name for name, _ in CLASSES), "code")
MOST_RANGES = 8
COLUMNS = (
    "run",
    "phase",
    "table",
    "date",
    "season",
    "class",
    "signature",
    "message",
    "attempts",
    "at",
    "log",
)


@dataclass(frozen=True)
class Chosen:
    """Which open failures a person looks at, as the address has them. What nobody knows chooses nothing."""

    phase: str = ""
    table: str = ""
    season: str = ""
    kind: str = ""
    signatures: tuple[str, ...] = ()

    @classmethod
    def of(cls, values: QueryDict, pipeline: Pipeline) -> Chosen:
        kind = values.get("class", "")
        return cls(
            phase=known(pipeline.phase, values.get("phase", "")),
            table=known(pipeline.table, values.get("table", "")),
            season=known(pipeline.season, values.get("season", "")),
            kind=kind if kind in KINDS else "",
            signatures=tuple(values.getlist("signature")),
        )

    @property
    def named(self) -> dict[str, str]:
        """What is chosen, as parameters of an address."""
        all_of = {"phase": self.phase, "table": self.table, "season": self.season, "class": self.kind}
        return {name: value for name, value in all_of.items() if value}

    @property
    def query(self) -> str:
        return urlencode(self.named)

    def steps(self) -> list[Step]:
        """The failed steps themselves, by table and date."""
        named = {"phase": self.phase, "table": self.table, "season": self.season}
        found = failures.open_steps().filter(**{name: value for name, value in named.items() if value})
        found = failures.for_pages(failures.said_by(found, self.signatures))
        return [step for step in found if self.kind in ("", failures.suggested_class(step.message))]

    def groups(self) -> list[FailureGroup]:
        return failures.grouped(self.steps())

    def partitions(self) -> list[tuple[str, dt.date]]:
        return [(step.table, step.date) for step in self.steps()]


def known(lookup: Callable[[str], Any], name: str) -> str:
    try:
        return lookup(name).name if name else ""
    except UnknownName:
        return ""


@dataclass(frozen=True)
class Told:
    """A group of failures with its dates in words."""

    group: FailureGroup
    dates: str
    more: str


def told(groups: Iterable[FailureGroup]) -> list[Told]:
    """Groups ready for a page; `more` has all of the ranges where `dates` does not."""
    found = list(groups)
    if not found:
        return []
    after = successor(list(CalendarDate.objects.values_list("date", flat=True)))
    lines = []
    for group in found:
        brief, full = in_words(group.dates, most=MOST_RANGES, after=after), in_words(group.dates, after=after)
        lines.append(Told(group, brief, "" if brief == full else full))
    return lines


def csv_lines(steps: QuerySet[Step] | list[Step], *, base_url: str) -> Iterator[str]:
    """The failures as CSV, a line each, safe to open in a spreadsheet."""
    writer = csv.writer(Line())
    yield writer.writerow(COLUMNS)
    for step in steps:
        yield writer.writerow([harmless(cell) for cell in cells(step, base_url)])


def cells(step: Step, base_url: str) -> list[Any]:
    return [
        step.run_id,
        step.phase,
        step.table,
        step.date.isoformat(),
        step.season,
        failures.suggested_class(step.message),
        step.signature,
        step.message,
        step.attempts,
        step.finished_at.isoformat() if step.finished_at else "",
        f"{base_url}{step.attempt.get_absolute_url()}" if step.attempt else "",
    ]
