"""Which stretch of dates is the best for a first test: all that the tables read is there, and it is a usual one.

A window is N expected dates one after another in one season. One is better than another if, in this order,

1. its worst need is served on more of its dates: the least, over the needs that the chosen tables use, of the dates
   that some source has, out of those expected;
2. fewer of its dates are left out for any of the chosen tables (bootstrap, accepted), or are so early in a season that
   a table looks back to before its opening, where nothing is: such a date is no usual one;
3. its volume is nearer to its season's usual one: the mean of its units a date against the median of the season's,
   as whole percents of that median;
4. it is later.

A window with an open failure or a regression of a chosen table is none to test on, nor is one with nothing to fill.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from statistics import median

from apps.coverage.counts import serving
from apps.coverage.counts.grid import Grid
from apps.coverage.counts.serving import Served, Share
from apps.coverage.models import Partition, PartitionQuerySet
from apps.coverage.sources import need_coverage
from apps.pipeline.definition import Pipeline
from apps.pipeline.sections import Need, Season, Table

DAYS = 14
MOST_DAYS = 366


class NoSuchWindow(ValueError):
    """A window that a person named does not exist; the text says what to change."""


@dataclass(frozen=True)
class NeedInWindow:
    need: Need
    letters: str
    served: Served


@dataclass(frozen=True)
class Window:
    """Expected dates one after another, with the numbers that it is judged by."""

    season: Season
    dates: tuple[dt.date, ...]
    needs: tuple[NeedInWindow, ...]
    excluded: int
    units: int
    usual_units: float

    @property
    def start(self) -> dt.date:
        return self.dates[0]

    @property
    def end(self) -> dt.date:
        return self.dates[-1]

    @property
    def worst(self) -> Share:
        """The share of the need that is served on the fewest dates."""
        shares = [each.served.together for each in self.needs]
        return min(shares, key=fraction, default=Share(len(self.dates), len(self.dates)))

    @property
    def is_complete(self) -> bool:
        """Whether every need is served on every date."""
        return self.worst.is_all

    @property
    def is_certain(self) -> bool:
        """Whether what is unknown can change nothing: it is complete, or some date has no source for sure."""
        return self.is_complete or any(each.served.not_served for each in self.needs)

    @property
    def is_blank(self) -> bool:
        """Whether nothing is known of some need, on none of the dates."""
        shares = [each.served.together for each in self.needs]
        return any(0 < share.whole == share.unknown for share in shares)

    @property
    def day_of_season(self) -> int:
        """Of the first date: 1 is the opening day."""
        return self.season.day(self.start)

    @property
    def by_fallback(self) -> int:
        return sum(each.served.by_fallback for each in self.needs)

    @property
    def units_a_date(self) -> float:
        return self.units / len(self.dates)

    @property
    def off_usual(self) -> int:
        """How far its mean units a date are from the season's median, in whole percents of that."""
        difference = abs(self.units_a_date - self.usual_units)
        return int(100 * difference / self.usual_units) if self.usual_units else 0

    @property
    def rank(self) -> tuple[Fraction, int, int, dt.date]:
        """The greater the better: the order that the module's docstring explains."""
        return fraction(self.worst), -self.excluded, -self.off_usual, self.start

    @property
    def in_words(self) -> str:
        """ "every need on 14 of 14 dates" or how much the worst one has."""
        if self.is_complete:
            return f"every need on all {len(self.dates)} dates"
        return f"its worst need on {self.worst.in_words}"

    def overlaps(self, other: Window) -> bool:
        return self.start <= other.end and other.start <= self.end


def fraction(share: Share) -> Fraction:
    return Fraction(share.part, share.whole) if share.whole else Fraction(0)


@dataclass(frozen=True)
class WindowFacts:
    """What windows are cut from: the sources' dates, the needs that count, and what is left out for the tables."""

    grid: Grid
    needs: tuple[tuple[Need, str], ...]
    excluded: frozenset[dt.date]
    troubled: frozenset[dt.date] = frozenset()  # an open failure or a regression
    to_fill: frozenset[dt.date] | None = None  # None: whatever is there

    def is_to_test(self, window: Window) -> bool:
        """Whether a run would fill some of it, and meet nothing that is known to be wrong."""
        if self.troubled.intersection(window.dates):
            return False
        return self.to_fill is None or bool(self.to_fill.intersection(window.dates))

    @property
    def is_known(self) -> bool:
        """Whether something is known of every need: else a window is no better than another."""
        return all(letters.strip(serving.UNKNOWN) for _, letters in self.needs)


def facts_of(
    pipeline: Pipeline, *, seasons: Sequence[Season] = (), tables: Iterable[Table] | None = None
) -> WindowFacts:
    """For some seasons and for the tables that shall be tested (all without); in seven queries."""
    chosen = tuple(pipeline.filled if tables is None else tables)
    names = {table.name for table in chosen}
    needs = [need for need in pipeline.needs if names & set(need.used_by)]
    grid = need_coverage.load(pipeline, seasons=seasons, needs=needs)
    partitions = Partition.objects.of(names)
    return WindowFacts(
        grid,
        tuple((need, serving.serving(need, grid.states)) for need in needs),
        frozenset(excluded_dates(grid, chosen)),
        troubled=dates_of(partitions.regressions()) | dates_of(partitions.open_failures()),
        to_fill=dates_of(partitions.filter(state__in=(*Partition.GAPS, Partition.State.UNKNOWN))),
    )


def dates_of(partitions: PartitionQuerySet) -> frozenset[dt.date]:
    return frozenset(partitions.order_by().values_list("date", flat=True).distinct())


def excluded_dates(grid: Grid, tables: Collection[Table]) -> set[dt.date]:
    """Dates on which one of the tables has a bootstrap or an accepted gap, or looks back to before the season."""
    gaps = Partition.objects.of(table.name for table in tables).filter(state=Partition.State.ACCEPTED)
    found = set(gaps.order_by().values_list("date", flat=True))
    first_days = max((days_without_a_past(table) for table in tables), default=0)
    for season, part in grid.seasons:
        usual = season.opening + dt.timedelta(days=first_days)
        found |= {date for date in grid.dates[part] if season.opening <= date < usual}
    return found


def days_without_a_past(table: Table) -> int:
    """How many first days of a season are not like the others for the table."""
    return max(table.skip_first_days, *(needed.lookback for needed in table.after), 0)


def every(facts: WindowFacts, *, days: int) -> Iterable[Window]:
    for season, part in facts.grid.seasons:
        usual = median(facts.grid.units[part])
        for first in range(part.start, part.stop - days + 1):
            yield window(facts, season, slice(first, first + days), usual)


def window(facts: WindowFacts, season: Season, part: slice, usual: float) -> Window:
    dates = facts.grid.dates[part]
    return Window(
        season=season,
        dates=dates,
        needs=tuple(
            NeedInWindow(need, letters[part], serving.tally(need, letters[part]))
            for need, letters in facts.needs
        ),
        excluded=sum(date in facts.excluded for date in dates),
        units=sum(facts.grid.units[part]),
        usual_units=usual,
    )


def best(facts: WindowFacts, *, days: int = DAYS, most: int = 3) -> list[Window]:
    """The best windows that have no date in common, the best first; none of which nothing is known, that has something
    wrong already, or nothing to fill."""
    found: list[Window] = []
    if not facts.is_known:
        return found
    fit = filter(facts.is_to_test, every(facts, days=days))
    for each in sorted(fit, key=lambda window: window.rank, reverse=True):
        if not (each.is_blank or any(each.overlaps(other) for other in found)):
            found.append(each)
        if len(found) == most:
            break
    return found


def starting(facts: WindowFacts, start: dt.date, *, days: int = DAYS) -> Window:
    """The window that a person named by its first date; NoSuchWindow where there is none."""
    for season, part in facts.grid.seasons:
        if start in season:
            following = [place for place in range(part.start, part.stop) if facts.grid.dates[place] >= start]
            if len(following) < days:
                raise NoSuchWindow(
                    f"Only {len(following)} expected dates of {season.name} are left from {start} on; "
                    f"choose an earlier start, or fewer dates than {days}."
                )
            places = slice(following[0], following[0] + days)
            return window(facts, season, places, median(facts.grid.units[part]))
    raise NoSuchWindow(f"{start} is in no chosen season with expected dates; choose a start inside of one.")


def usable(days: int) -> int:
    """A number of dates, if a window can have so many."""
    if not 1 <= days <= MOST_DAYS:
        raise NoSuchWindow(f"A window of {days} dates is not possible; give 1 to {MOST_DAYS}.")
    return days
