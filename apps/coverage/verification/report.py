"""The report of a verification: what was found, in objects that are kept as JSON and never computed again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from apps.coverage.counts.serving import Share
from apps.pipeline import definition
from apps.text import count, next_day
from apps.warehouse.base import Try

RANGES_SHOWN = 6

WRONG = ("missing", "thin", "excess", "stale", "unexpected")


class Verdict(StrEnum):
    """A verification in a word. What could not be asked is never passed."""

    PASSED = "passed"
    NOT_PASSED = "not passed"
    COULD_NOT_RUN = "could not run"
    NOTHING = "nothing to verify"


def verdict_in_words(verdict: str, accepted: int) -> str:
    """ "passed, less 13 accepted gaps": what passed without what people accepted is not all that was asked about."""
    if verdict != Verdict.PASSED or not accepted:
        return verdict
    return f"{verdict}, less {accepted_gaps(accepted)}"


def accepted_gaps(number: int) -> str:
    return count(number, "accepted gap")


@dataclass(frozen=True, slots=True)
class Span:
    """Dates that follow each other on the calendar, both ends included."""

    start: dt.date
    end: dt.date
    dates: int

    def __str__(self) -> str:
        return f"{self.start}" if self.start == self.end else f"{self.start} to {self.end}"


Spans = tuple[Span, ...]


def spans(found: Iterable[dt.date], after: Callable[[dt.date], dt.date] = next_day) -> Spans:
    """Dates as spans; `after` says which date follows another without a hole."""
    made: list[Span] = []
    for date in sorted(set(found)):
        if made and after(made[-1].end) == date:
            made[-1] = Span(made[-1].start, date, made[-1].dates + 1)
        else:
            made.append(Span(date, date, 1))
    return tuple(made)


def spans_text(found: Sequence[Span], *, most: int | None = RANGES_SHOWN) -> str:
    """ "2022-02-18, 2024-02-16 to 2024-02-18"; with `most`, that many of them "and 3 more ranges"."""
    words = [str(span) for span in found[:most]]
    if most is not None and len(found) > most:
        rest = len(found) - most
        words.append(f"and {count(rest, 'more range')}")
    return ", ".join(words)


@dataclass(frozen=True)
class Reason:
    """Why a verification did not pass: something is wrong, or could not be asked."""

    text: str
    could_not_run: bool = False


@dataclass(frozen=True)
class Duplicates:
    """Rows beyond the different keys of their dates; `extra` is None where it could not be asked."""

    key: tuple[str, ...]
    extra: int | None = None
    dates: Spans = ()


@dataclass(frozen=True)
class Nulls:
    """Rows without a value in a column, of all rows; None where it could not be asked."""

    column: str
    without: int | None = None
    rows: int | None = None
    dates: Spans = ()

    @property
    def share(self) -> str:
        """Percent of the rows: "0 %" only where it is none of them, "100 %" only where it is all."""
        if self.without is None or not self.rows:
            return ""
        percent = min(max(100 * self.without / self.rows, 0.1), 99.9)
        return {0: "0 %", self.rows: "100 %"}.get(self.without, f"{percent:.1f} %")


@dataclass(frozen=True)
class TableReport:
    """A table: partitions by state, with the dates of each. `rows` are those on dates of the range.

    `by_need` is for sources that another one may stand in for: a missing date is then judged by the need.
    `undated` are the rows of the whole table without a date, None if they were not counted.
    """

    name: str
    phase: str
    is_source: bool
    by_need: bool
    expected: int
    counts: dict[str, int]
    dates: dict[str, Spans]
    rows: int | None
    problem: str = ""
    duplicates: Duplicates | None = None
    nulls: tuple[Nulls, ...] = ()
    undated: int | None = None

    @property
    def is_undated_unasked(self) -> bool:
        """Whether it was read without its rows that have no date, as where they would be paid for."""
        return self.undated is None and self.rows is not None and not self.problem

    @property
    def undated_in_words(self) -> str:
        """ "5 rows have no date", or that they were not counted; empty if there are none or the table is unreadable."""
        if self.is_undated_unasked:
            return "rows without a date were not asked about"
        if not self.undated:
            return ""
        return "1 row has no date" if self.undated == 1 else f"{self.undated:,} rows have no date"

    @property
    def short_name(self) -> str:
        return definition.short_name(self.name)

    @property
    def is_unknown(self) -> bool:
        """Whether nothing of what is expected could be read."""
        return 0 < self.expected == self.counts["unknown"]

    @property
    def wrong(self) -> list[tuple[str, int, Spans]]:
        """What is not as it should be, or not known: state, how many dates, and which."""
        named = (*WRONG, "unknown", "accepted")
        return [
            (state, self.counts[state], self.dates.get(state, ())) for state in named if self.counts[state]
        ]


@dataclass(frozen=True)
class NeedReport:
    """A need: on how many of the expected dates some source serves it.

    `short` says where that is less than the pipeline file wants, `may_be_short` where it may be.
    """

    name: str
    sources: tuple[str, ...]
    at_least: float
    expected: int
    served: int
    unknown: int
    missing: Spans = ()
    short: tuple[str, ...] = ()
    may_be_short: tuple[str, ...] = ()

    @property
    def in_words(self) -> str:
        return Share(self.served, self.expected, self.unknown).in_words

    @property
    def wanted(self) -> str:
        return "every date" if self.at_least >= 1 else f"{100 * self.at_least:g} % of a season"


class Point(NamedTuple):
    """A date's mean quality, and where it should lie; `most` is None where that is open, `least` without a band."""

    date: dt.date
    season: str
    day: int
    mean: float | None
    least: float | None
    most: float | None


@dataclass(frozen=True)
class QualityReport:
    table: str
    column: str
    points: tuple[Point, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class Failure(Try):
    """A processor's latest attempt at a date, which did not succeed. `excused` says why it does not count."""

    table: str = ""
    excused: str = ""


@dataclass(frozen=True)
class HistoryReport:
    """The run history of the range; `others` is the number of failures of tables outside the report."""

    table: str
    tries: int = 0
    failures: tuple[Failure, ...] = ()
    others: int = 0
    problem: str = ""


@dataclass(frozen=True)
class Report:
    """All of it. `problem` is why the warehouse as a whole could not be asked, without a full stop.

    `dates_expected` are those on which at least one of the tables should have rows. `losses` are complete dates that
    lost rows, a sentence a table without its full stop; `removed` says which dates left the calendar, likewise;
    `leftovers` are failures of runs that no row shows.
    """

    pipeline: str
    start: dt.date
    end: dt.date
    asked_at: dt.datetime
    dates_expected: int
    queries: int
    problem: str = ""
    tables: tuple[TableReport, ...] = ()
    needs: tuple[NeedReport, ...] = ()
    quality: tuple[QualityReport, ...] = ()
    history: HistoryReport | None = None
    losses: tuple[str, ...] = ()
    removed: str = ""
    leftovers: tuple[str, ...] = ()
    verdict: Verdict = Verdict.NOTHING
    reasons: tuple[Reason, ...] = field(default=())

    @property
    def accepted(self) -> int:
        """Gaps that a person accepted: they are in no denominator of the report."""
        return sum(table.counts["accepted"] for table in self.tables)

    @property
    def expected(self) -> int:
        """Partitions that should have rows, as its tables add up to: without those that a person accepted."""
        return sum(table.expected for table in self.tables)

    @property
    def verdict_in_words(self) -> str:
        return verdict_in_words(self.verdict, self.accepted)

    @property
    def expected_in_words(self) -> str:
        """ "22 expected partitions, less 13 accepted gaps: 9"."""
        number = self.expected + self.accepted
        partitions = count(number, "expected partition")
        if not self.accepted:
            return partitions
        return f"{partitions}, less {accepted_gaps(self.accepted)}: {self.expected:,}"

    @property
    def why_nothing(self) -> str:
        """Why there is nothing to verify, as a sentence: no date is expected, or all of them are accepted gaps."""
        tables = [table for table in self.tables if table.counts["accepted"]]
        if not tables:
            return "No date is expected of these tables in this range."
        if len({table.dates["accepted"] for table in tables}) > 1:
            return f"All {self.accepted:,} expected partitions are accepted gaps."
        number, where = tables[0].counts["accepted"], spans_text(tables[0].dates["accepted"])
        if number == 1:
            return f"The one expected date is an accepted gap: {where}."
        return f"All {number:,} expected dates are accepted gaps: {where}."

    @property
    def wrong(self) -> list[Reason]:
        return [reason for reason in self.reasons if not reason.could_not_run]

    @property
    def not_asked(self) -> list[Reason]:
        return [reason for reason in self.reasons if reason.could_not_run]
