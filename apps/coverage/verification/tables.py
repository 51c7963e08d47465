"""Tables and needs of a report: states from what is stored, keys and NULLs from what the warehouse just said."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from apps.coverage.counts import rollup, serving
from apps.coverage.counts.grid import LETTER, NAME, UNREAD, Grid
from apps.coverage.counts.serving import Share
from apps.coverage.models import Partition
from apps.coverage.verification.report import (
    Duplicates,
    NeedReport,
    Nulls,
    Spans,
    TableReport,
    spans,
    spans_text,
)
from apps.pipeline.definition import Pipeline
from apps.pipeline.scope import Scope
from apps.pipeline.sections import Need, Season, Table
from apps.warehouse.base import Count, Reading

After = Callable[[dt.date], dt.date]

# Dates on which rows belong: what they contain is looked at there, and nowhere else. A date may be unknown for what
# its rows are compared with; they themselves were counted.
WITH_ROWS = "".join(
    LETTER[state] for state in (Partition.State.COMPLETE, *Partition.GAPS, Partition.State.UNKNOWN)
)


@dataclass(frozen=True)
class RangeReading:
    """What is known of the range: the stored states, and what the warehouse said; None where it said nothing.

    `undated` are rows without a date by table, where the warehouse was asked about them.
    """

    grid: Grid
    reading: Reading | None
    problem: str
    after: After
    undated: Mapping[str, int]

    @cached_property
    def places(self) -> dict[dt.date, int]:
        """Where a date stands in the grid; dates off the calendar do not."""
        return {date: place for place, date in enumerate(self.grid.dates)}

    def problem_of(self, table: Table) -> str:
        if self.reading is None:
            return self.problem
        return self.reading.problems.get(table.name, "")

    def is_unread(self, table: Table) -> bool:
        """Whether it was not counted. Of a table that does not exist it is certain that it has no rows."""
        return self.reading is None or bool(self.problem_of(table) and not self.reading.is_absent(table.name))

    def counts(self, table: Table) -> Iterator[tuple[dt.date, Count]]:
        """The dates on which the table has rows that belong there, with what was counted."""
        if self.reading is None:
            return
        found = self.reading.counts.get(table.name, {})
        for date, letter in zip(self.grid.dates, self.grid.states[table.name], strict=True):
            if letter in WITH_ROWS and date in found:
                yield date, found[date]


def tables(wanted: Iterable[Table], seen: RangeReading, served: Collection[Need]) -> Iterator[TableReport]:
    stand_ins = {name for need in served if len(need.sources) > 1 for name in need.sources}
    for table in wanted:
        tally = rollup.table_coverage(table, seen.grid).tally
        yield TableReport(
            name=table.name,
            phase=table.phase,
            is_source=table.is_source,
            by_need=table.name in stand_ins,
            expected=tally.expected,
            counts={state: getattr(tally, state) for state in Partition.State.values},
            dates=dates_by_state(table, seen),
            rows=rows(table, seen),
            problem=seen.problem_of(table),
            undated=seen.undated.get(table.name),
            duplicates=duplicates(table, seen),
            nulls=tuple(nulls(table, seen)),
        )


def dates_expected(wanted: Iterable[Table], seen: RangeReading) -> int:
    """On how many dates at least one of the tables should have rows; accepted gaps and what is left out are not."""
    rows = zip(*(seen.grid.states[table.name] for table in wanted), strict=True)
    return sum(any(letter not in rollup.NOT_WANTED for letter in letters) for letters in rows)


def dates_by_state(table: Table, seen: RangeReading) -> dict[str, Spans]:
    found: dict[str, list[dt.date]] = {}
    for date, letter in zip(seen.grid.dates, seen.grid.states[table.name], strict=True):
        state = Partition.State.NOT_EXPECTED if letter == UNREAD else NAME[letter]
        found.setdefault(str(state), []).append(date)
    if strays := seen.grid.strays[table.name]:
        found.setdefault(str(Partition.State.UNEXPECTED), []).extend(strays)
    return {state: spans(dates, seen.after) for state, dates in found.items()}


def rows(table: Table, seen: RangeReading) -> int | None:
    if seen.is_unread(table):
        return None
    return sum(count.rows for _, count in seen.counts(table))


def duplicates(table: Table, seen: RangeReading) -> Duplicates | None:
    """None where the pipeline file names no key."""
    if not table.key:
        return None
    if seen.is_unread(table):
        return Duplicates(table.key)
    extra = {
        date: count.rows - count.keys
        for date, count in seen.counts(table)
        if count.keys is not None and count.keys < count.rows
    }
    return Duplicates(table.key, sum(extra.values()), spans(extra, seen.after))


def nulls(table: Table, seen: RangeReading) -> Iterator[Nulls]:
    for place, column in enumerate(table.not_null):
        if seen.is_unread(table):
            yield Nulls(column)
            continue
        without = {date: count.nulls[place] for date, count in seen.counts(table) if count.nulls}
        dates = spans((date for date, number in without.items() if number), seen.after)
        yield Nulls(column, sum(without.values()), rows(table, seen), dates)


# Needs --------------------------------------------------------------------------------------------


def needs_within(pipeline: Pipeline, wanted: Collection[Table]) -> list[Need]:
    """The needs all of whose sources are verified; of another one the union is not known."""
    names = {table.name for table in wanted}
    return [need for need in pipeline.needs if names >= set(need.sources)]


def need(need: Need, wanted: Scope, seen: RangeReading) -> NeedReport:
    letters = serving.serving(need, seen.grid.states)
    share = serving.tally(need, letters).together
    held = list(shares_required(need, letters, wanted, seen))
    return NeedReport(
        name=need.name,
        sources=need.sources,
        at_least=need.at_least,
        expected=share.whole,
        served=share.part,
        unknown=share.unknown,
        missing=unserved(letters, seen),
        short=tuple(said for said, share in held if serving.falls_short(need, share)),
        may_be_short=tuple(said for said, share in held if depends_on_unknown(need, share)),
    )


def unserved(letters: str, seen: RangeReading, part: slice = slice(None)) -> Spans:
    letters_of = zip(seen.grid.dates[part], letters[part], strict=True)
    return spans((date for date, letter in letters_of if letter == serving.NOT_SERVED), seen.after)


def shares_required(
    need: Need, letters: str, wanted: Scope, seen: RangeReading
) -> Iterator[tuple[str, Share]]:
    """What the need is held to: all dates where each must be served, else the share of each season, or of what is
    asked about of it."""
    seasons = [(season_in_words(each, wanted), part) for each, part in seen.grid.seasons]
    for where, part in [("", slice(None))] if need.at_least >= 1 else seasons:
        share = serving.tally(need, letters[part]).together
        lacking = unserved(letters, seen, part)
        yield f"{share.in_words}{where}{f', not {spans_text(lacking)}' if lacking else ''}", share


def season_in_words(season: Season, wanted: Scope) -> str:
    is_whole = wanted.start <= season.start and season.end <= wanted.end
    return f" in {season.name}" if is_whole else f" on these dates of {season.name}"


def depends_on_unknown(need: Need, share: Share) -> bool:
    return not serving.falls_short(need, share) and share.part < need.at_least * share.whole
