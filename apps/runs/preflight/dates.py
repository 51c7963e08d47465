"""Which dates of a table a pre-flight counts on: those with something to fill, else all that are expected."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from apps.pipeline.sections import Job, Season, Table
from apps.runs.plans import batching
from apps.runs.preflight.facts import Facts
from apps.text import count

GAPS, SETTLED = "mtes", "cu"  # letters of the grid


@dataclass(frozen=True)
class Wanted:
    """A table's expected dates with their units, and which of them have something to fill."""

    expected: dict[dt.date, int]
    gaps: frozenset[dt.date]

    @property
    def to_fill(self) -> list[dt.date]:
        return [date for date in self.expected if date in self.gaps or not self.gaps]

    @property
    def units(self) -> int:
        return sum(self.expected[date] for date in self.to_fill)

    @property
    def in_words(self) -> str:
        """ "20 dates to fill", or that these are complete."""
        number = len(self.to_fill)
        dates = count(number, "date")
        return f"{dates} to fill" if self.gaps else f"{dates} that are complete, if they were filled again"

    def calls(self, facts: Facts, job: Job, season: Season) -> Calls:
        """How a run would call the job in a season that has expected dates."""
        most = batching.dates_a_call(job, None)
        to_fill = [date for date in self.to_fill if date in season]
        dates = to_fill or [date for date in self.expected if date in season]
        found = batching.calls(job, dates, most, facts.grid.dates)
        return Calls(to_fill=found if to_fill else [], all=found)


@dataclass(frozen=True)
class Calls:
    """The dates of each call of a job, of those that fill something; `all` also where there is nothing to fill."""

    to_fill: list[list[dt.date]]
    all: list[list[dt.date]]


def dates_to_fill(facts: Facts, table: Table) -> Wanted:
    grid = facts.grid
    rows = list(zip(grid.dates, grid.units, grid.states[table.name], strict=True))
    return Wanted(
        expected={date: units for date, units, state in rows if state in GAPS + SETTLED},
        gaps=frozenset(date for date, _, state in rows if state in GAPS),
    )
