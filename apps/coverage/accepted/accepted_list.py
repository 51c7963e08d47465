"""The list of accepted gaps: filtered, in words, and as files."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q

from apps import exports
from apps.coverage.models import AcceptedGap, Partition
from apps.pipeline import filters
from apps.pipeline.definition import Pipeline
from apps.pipeline.filters import Filter
from apps.pipeline.sections import Season

STATUSES = ("standing", "expired", "withdrawn")
COLUMNS = (
    "id",
    "status",
    "tables",
    "start",
    "end",
    "dates",
    "partitions",
    "still_accepted",
    "reason",
    "accepted_by",
    "accepted_at",
    "until",
    "withdrawn_by",
    "withdrawn_at",
    "withdrawn_reason",
)


@dataclass(frozen=True)
class AcceptedFilter(Filter):
    """Which acceptances a person looks at."""

    table: str = ""
    season: Season | None = None
    status: str = ""

    @classmethod
    def of(cls, values: Mapping[str, str], pipeline: Pipeline) -> AcceptedFilter:
        season = filters.known(pipeline.season, values.get("season", ""))
        return cls(
            table=filters.known(pipeline.table, values.get("table", "")),
            season=pipeline.season(season) if season else None,
            status=filters.one_of(STATUSES, values.get("status", "")),
        )

    @property
    def named(self) -> dict[str, str]:
        season = self.season.name if self.season else ""
        return {"table": self.table, "season": season, "status": self.status}

    def takes(self, line: AcceptedLine) -> bool:
        return self.table in ("", *line.gap.tables) and self.status in ("", line.status)


@dataclass(frozen=True)
class AcceptedLine:
    """One acceptance as the list shows it."""

    gap: AcceptedGap
    status: str
    still: int

    @property
    def is_standing(self) -> bool:
        return self.status == "standing"

    @property
    def by_table(self) -> list[tuple[str, str]]:
        """Each table with the dates that were accepted, in words."""
        return [(table, ranges_in_words(found)) for table, found in self.gap.dates.items()]

    @property
    def over(self) -> int:
        """The number of its partitions that are not accepted gaps any more, mostly because they are complete."""
        return self.gap.count - self.still


def ranges_in_words(found: Iterable[tuple[str, str]]) -> str:
    return ", ".join(first if first == last else f"{first} to {last}" for first, last in found)


def lines(chosen: AcceptedFilter, *, today: dt.date) -> list[AcceptedLine]:
    """The chosen acceptances in one query: standing, expired, withdrawn, each newest first."""
    found = AcceptedGap.objects.all()
    if chosen.season:
        found = found.filter(start__lte=chosen.season.end, end__gte=chosen.season.start)
    accepted = Count("partitions", filter=Q(partitions__state=Partition.State.ACCEPTED))
    counted = found.annotate(still=accepted).order_by("-id")
    lines = (AcceptedLine(gap, gap.status(today), gap.still) for gap in counted)
    return sorted(filter(chosen.takes, lines), key=lambda line: STATUSES.index(line.status))


# Files --------------------------------------------------------------------------------------------


def file_lines(found: Iterable[AcceptedLine], kind: str) -> Iterator[str]:
    """The acceptances as "csv", with their tables and dates in words, or as "json"."""
    if kind == "json":
        return exports.json_lines(map(cells, found))
    return exports.csv_lines(COLUMNS, ((cells(line) | in_words(line)).values() for line in found))


def cells(line: AcceptedLine) -> dict[str, Any]:
    gap = line.gap
    own = {"status": line.status, "partitions": gap.count, "still_accepted": line.still}
    return {name: own.get(name, getattr(gap, name, None)) for name in COLUMNS}


def in_words(line: AcceptedLine) -> dict[str, str]:
    dates = "; ".join(f"{table}: {words}" for table, words in line.by_table)
    return {"tables": ", ".join(line.gap.tables), "dates": dates}
