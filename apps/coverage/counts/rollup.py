"""Roll-ups of coverage by table, phase and season: the only module that computes these numbers."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from apps.coverage.counts import freshness, serving
from apps.coverage.counts import grid as grids
from apps.coverage.counts.freshness import Freshness
from apps.coverage.counts.grid import LETTER, UNREAD, Grid
from apps.coverage.counts.serving import Share
from apps.coverage.models import Partition, TableReading
from apps.pipeline.definition import Pipeline
from apps.pipeline.sections import Phase, Season, Table
from apps.text import count

NO_SILENCES: Mapping[str, TableReading] = MappingProxyType({})


@dataclass(frozen=True)
class Tally:
    """Partitions by state. `expected` is the denominator: not bootstrap, not off the calendar, not accepted.

    `queued`, `running` and `failed` say what runs do or last did about partitions that the states count too. Of the
    failed ones, `not_redone` are complete: with the rows that a run was to redo. A redo changes no percentage.
    """

    expected: int
    complete: int
    thin: int
    excess: int
    missing: int
    stale: int
    unknown: int
    unexpected: int
    accepted: int
    not_expected: int
    queued: int = 0
    running: int = 0
    failed: int = 0
    not_redone: int = 0

    @property
    def gaps(self) -> int:
        return self.thin + self.excess + self.missing + self.stale

    @property
    def share(self) -> Share:
        return Share(self.complete, self.expected, self.unknown)

    @property
    def is_unknown(self) -> bool:
        """Whether nothing of what is expected could be read."""
        return 0 < self.expected == self.unknown

    @property
    def percent(self) -> int | None:
        """Of the expected, rounded down: 100 means all. None where nothing is expected or nothing is known."""
        return percent(self.complete, self.expected, unknown=self.unknown)

    @property
    def in_words(self) -> str:
        """ "348 of 675 complete, 12 unknown"."""
        if self.is_unknown:
            return f"unknown on all {self.expected:,}"
        unknown = f", {self.unknown:,} unknown" if self.unknown else ""
        not_redone = f", {self.not_redone:,} of them not redone" if self.not_redone else ""
        return f"{self.complete:,} of {self.expected:,} complete{not_redone}{unknown}"

    @property
    def left_out(self) -> str:
        """ "28 not expected (bootstrap), 3 accepted gaps": what the denominator does not have, and why."""
        gaps = f"{count(self.accepted, 'accepted gap')}"
        found = {f"{self.not_expected:,} not expected (bootstrap)": self.not_expected, gaps: self.accepted}
        return ", ".join(words for words, count in found.items() if count)

    @property
    def is_complete(self) -> bool:
        return self.expected > 0 and self.complete == self.expected


@dataclass(frozen=True)
class TableCoverage:
    """A table's numbers over the whole range and by season; with a `silence` they are those that were known last."""

    table: Table
    tally: Tally
    by_season: dict[str, Tally]
    shown: str
    silence: TableReading | None = None


@dataclass(frozen=True)
class PhaseCoverage:
    """A phase is all of its tables: its `tally` is of dates, each complete where every one of them is.

    A date is unknown where some table could not be read and no other one is known to be incomplete.
    """

    phase: Phase
    tables: tuple[TableCoverage, ...]
    tally: Tally
    shown: str

    @property
    def last_known(self) -> bool:
        """Whether some of its tables do not answer, so that its numbers are those that were known last."""
        return any(table.silence for table in self.tables)

    @property
    def left_out(self) -> dict[str, int]:
        """How many dates are in no denominator, by reason."""
        counts = {"not expected (bootstrap)": self.tally.not_expected, "accepted gaps": self.tally.accepted}
        return {reason: count for reason, count in counts.items() if count}

    @property
    def where(self) -> str:
        """What a date that counts is complete on: "on all 5 tables", "for every need", "on all 2 filled tables and for
        every need"; empty where that is one table alone."""
        filled = sum(1 for table in self.tables if table.table.job)
        if filled == len(self.tables):
            return f"on all {filled} tables" if filled > 1 else ""
        return f"on all {filled} filled tables and for every need" if filled else "for every need"

    @property
    def gaps(self) -> int:
        return sum(table.tally.gaps for table in self.tables if not table.table.is_source)

    @property
    def unknown(self) -> int:
        """Partitions that may be gaps, and that no plan has."""
        return sum(table.tally.unknown for table in self.tables if not table.table.is_source)


@dataclass(frozen=True)
class Coverage:
    """The coverage of a range by phase and table, and how fresh it is."""

    phases: tuple[PhaseCoverage, ...]
    grid: Grid
    freshness: Freshness

    @property
    def dates_expected(self) -> int:
        return len(self.grid.dates)

    @property
    def tables(self) -> tuple[TableCoverage, ...]:
        return tuple(table for phase in self.phases for table in phase.tables)

    @property
    def tally(self) -> Tally:
        """All filled tables together."""
        return total(table.tally for table in self.tables if not table.table.is_source)

    def phase(self, name: str) -> PhaseCoverage:
        return next(phase for phase in self.phases if phase.phase.name == name)

    def table(self, name: str) -> TableCoverage:
        return next(table for table in self.tables if table.table.name == name)


def percent(part: int, whole: int, *, unknown: int = 0) -> int | None:
    """Rounded down; None where there is no whole, or all of it is unknown."""
    return 100 * part // whole if whole > unknown else None


def coverage(
    pipeline: Pipeline,
    *,
    season: Season | None = None,
    seasons: Collection[Season] = (),
    start: dt.date | None = None,
    end: dt.date | None = None,
) -> Coverage:
    """The coverage of some seasons or a range of dates (everything without one).

    It takes four queries, and two more while the warehouse cannot be asked.
    """
    if season:
        start, end = max(start or season.start, season.start), min(end or season.end, season.end)
    grid = grids.load(pipeline, start=start, end=end, seasons=seasons)
    known = freshness.now()
    phases = tuple(phase_coverage(pipeline, phase, grid, known.silences) for phase in pipeline.phases)
    return Coverage(phases, grid, known)


def phase_coverage(
    pipeline: Pipeline, phase: Phase, grid: Grid, silences: Mapping[str, TableReading] = NO_SILENCES
) -> PhaseCoverage:
    tables = pipeline.tables_of(phase.name)
    shown = phase_letters(pipeline, phase, grid)
    return PhaseCoverage(
        phase=phase,
        tables=tuple(
            replace(table_coverage(table, grid), silence=silences.get(table.name)) for table in tables
        ),
        tally=tally(shown),
        shown=shown,
    )


def phase_letters(pipeline: Pipeline, phase: Phase, grid: Grid) -> str:
    """A letter a date for the phase as a whole: c where all of it is complete, m where something is not."""
    filled = [grid.states[table.name] for table in pipeline.tables_of(phase.name) if table.job]
    served = [serving.as_states(serving.serving(need, grid.states)) for need in pipeline.needs_of(phase.name)]
    rows = filled + served or [grid.states[table.name] for table in pipeline.tables_of(phase.name)]
    return "".join(map(all_of, zip(*rows, strict=True)))


NOT_WANTED = f"nxa{UNREAD}"
FAILED = frozenset("fdk")  # activities of open failures


@lru_cache(maxsize=4096)  # the same few combinations, hundreds of times
def all_of(letters: tuple[str, ...]) -> str:
    """What a date is when every table must be complete: a certain gap outranks what is not known.

    Where nothing is left but accepted gaps, the date counts as accepted: not all of its tables are complete.
    """
    wanted = [letter for letter in letters if letter not in NOT_WANTED]
    if not wanted:
        return "a" if "a" in letters else "n"
    if any(letter in "tems" for letter in wanted):
        return "m"
    if "u" in wanted:
        return "u"
    return "a" if "a" in letters else "c"


def table_coverage(table: Table, grid: Grid) -> TableCoverage:
    states, activities = grid.states[table.name], grid.activities[table.name]
    strays, failed_off = grid.strays[table.name], grid.failed_off.get(table.name, ())
    return TableCoverage(
        table=table,
        tally=tally(states, activities, strays=len(strays), failed_off=len(failed_off)),
        by_season={
            season.name: tally(
                states[part],
                activities[part],
                strays=sum(date in season for date in strays),
                failed_off=sum(date in season for date in failed_off),
            )
            for season, part in grid.seasons
        },
        shown=grid.shown(table.name),
    )


@lru_cache(maxsize=1024)  # most rows are the same at the next look
def tally(states: str, activities: str = "", *, strays: int = 0, failed_off: int = 0) -> Tally:
    letters, doing = Counter(states), Counter(activities)
    failed, not_redone = failures(states, activities)
    expected = len(states) - sum(letters[letter] for letter in NOT_WANTED)
    letters.update({"x": strays, "n": letters[UNREAD]})
    return Tally(
        expected=expected,
        **{state: letters[LETTER[state]] for state in Partition.State.values},
        queued=doing["q"],
        running=doing["r"],
        failed=failed + failed_off,
        not_redone=not_redone,
    )


def failures(states: str, activities: str) -> tuple[int, int]:
    """The number of `open_failures` of coverage.models, in letters, and of the complete ones: not redone."""
    if not FAILED.intersection(activities):
        return 0, 0
    failed = [pair for pair in zip(states, activities, strict=True) if pair[1] in FAILED]
    is_open = [state not in ("can" if activity == "f" else "an") for state, activity in failed]
    return sum(is_open), sum(activity in "dk" and state == "c" for state, activity in failed)


def total(tallies: Iterable[Tally]) -> Tally:
    sums: Counter[str] = Counter()
    for each in tallies:
        sums.update(vars(each))
    return Tally(**{name: sums[name] for name in Tally.__dataclass_fields__})


def snapshot(pipeline: Pipeline) -> dict[str, Any]:
    """The coverage now, to compare with later: complete, expected and unknown, by table and season and by phase."""
    now = coverage(pipeline)
    return {
        "tables": {
            table.table.name: {
                season: [tally.complete, tally.expected, tally.unknown]
                for season, tally in table.by_season.items()
            }
            for table in now.tables
            if not table.table.is_source
        },
        "phases": {
            phase.phase.name: [phase.tally.complete, phase.tally.expected, phase.tally.unknown]
            for phase in now.phases
        },
    }
