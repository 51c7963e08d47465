"""The tables and dates selected by names and dates, the same for commands and pages."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from apps.pipeline.definition import Pipeline
from apps.pipeline.sections import Season, Table


class DoesNotFit(LookupError):
    """Names or dates that are valid alone but select nothing together; `about` is "tables" or "dates"."""

    def __init__(self, sentence: str, *, about: str):
        super().__init__(sentence)
        self.about = about


@dataclass(frozen=True)
class Scope:
    """Tables, and the dates from start to end (both included) that lie in the seasons."""

    tables: tuple[Table, ...]
    seasons: tuple[Season, ...]
    start: dt.date
    end: dt.date

    def __contains__(self, date: dt.date) -> bool:
        return self.start <= date <= self.end and any(date in season for season in self.seasons)

    @property
    def ends(self) -> tuple[dt.date, dt.date]:
        """Its first and last day, no further than the seasons go."""
        first = max(self.start, min(season.start for season in self.seasons))
        return first, min(self.end, max(season.end for season in self.seasons))

    @property
    def days(self) -> list[dt.date]:
        """Every day in it, expected or not; no further than the seasons go."""
        first, last = self.ends
        days = (first + dt.timedelta(days=n) for n in range((last - first).days + 1))
        return [day for day in days if day in self]


def scope(
    pipeline: Pipeline,
    *,
    phases: Iterable[str] = (),
    tables: Iterable[str] = (),
    seasons: Iterable[str] = (),
    start: dt.date | None = None,
    end: dt.date | None = None,
) -> Scope:
    """The intersection of all arguments; an empty argument means all. UnknownName or DoesNotFit for wrong ones."""
    wanted = tuple(pipeline.season(name) for name in seasons)
    first, last = dates(pipeline, wanted, start, end)
    return Scope(named(pipeline, phases, tables), wanted or pipeline.seasons, first, last)


def named(pipeline: Pipeline, phases: Iterable[str], tables: Iterable[str]) -> tuple[Table, ...]:
    """The tables of the phases; or only the named tables, each of which must be in one of the phases."""
    labels = {pipeline.phase(name).name: pipeline.phase(name).label for name in phases}
    names = {pipeline.table(name).name for name in tables}
    for name in sorted(names):
        if labels and pipeline.table(name).phase not in labels:
            raise outside_phases(pipeline.table(name), list(labels.values()))
    return tuple(
        table
        for table in pipeline.tables
        if (not labels or table.phase in labels) and (not names or table.name in names)
    )


def outside_phases(table: Table, labels: Sequence[str]) -> DoesNotFit:
    return DoesNotFit(
        f"{table.name} is not in {' or '.join(labels)}; leave the phase or the table out.", about="tables"
    )


def dates(
    pipeline: Pipeline, seasons: Sequence[Season], start: dt.date | None, end: dt.date | None
) -> tuple[dt.date, dt.date]:
    if start and end and end < start:
        raise DoesNotFit(f"The end {end} is before the start {start}; swap them.", about="dates")
    among = seasons or pipeline.seasons
    first, last = start or min(s.start for s in among), end or max(s.end for s in among)
    meet = any(season.start <= last and first <= season.end for season in seasons)
    if last < first or (seasons and not meet):
        raise DoesNotFit(outside_seasons(among, start, end), about="dates")
    return first, last


def outside_seasons(seasons: Sequence[Season], start: dt.date | None, end: dt.date | None) -> str:
    given = f"{start} to {end}" if start and end else f"from {start} on" if start else f"up to {end}"
    known = ", ".join(f"{season.name} ({season.start} to {season.end})" for season in seasons)
    kind = "the season" if len(seasons) == 1 else "the seasons"
    return f"The dates {given} lie outside {kind} {known}; choose dates inside."
