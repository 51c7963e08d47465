"""What the sources' page draws: who serves the dates, as bars, strips and legends."""

from __future__ import annotations

from dataclasses import dataclass

from apps.coverage.counts import serving, strips
from apps.coverage.counts.serving import Served
from apps.coverage.counts.strips import LegendItem, Strip, Tick
from apps.coverage.sources.need_coverage import NeedReport, SeasonServed

COLOURS = 4  # the sources behind the fourth share its colour
LEAST = 4  # thousandths of a bar that even one date gets
WORDS = {"missing": "no source", "unknown": "unknown", "accepted": "accepted", "not_expected": "not expected"}


@dataclass(frozen=True)
class Segment:
    """A part of a bar, in thousandths."""

    state: str
    x: int
    width: int


@dataclass(frozen=True)
class DrawnSeason:
    season: SeasonServed
    strip: Strip
    ticks: tuple[Tick, ...]

    @property
    def label(self) -> str:
        return f"{self.season.season.name}: served on {self.season.served.together.in_words}"


@dataclass(frozen=True)
class DrawnNeed:
    """A need with its bar, its legend and a strip a season, newest first."""

    report: NeedReport
    bar: tuple[Segment, ...]
    legend: tuple[LegendItem, ...]
    seasons: tuple[DrawnSeason, ...]


def draw(report: NeedReport) -> DrawnNeed:
    seasons = (
        DrawnSeason(season, strip(season.letters), strips.month_ticks(season.dates))
        for season in reversed(report.seasons)
    )
    return DrawnNeed(report, bar(report.served), legend(report), tuple(seasons))


def colour(rank: int) -> str:
    """The class of a source by its place among the need's, the first is 1."""
    return f"source-{min(rank, COLOURS)}"


STATES = {letter: colour(rank) for rank, letter in enumerate(map(chr, serving.SERVED), 1)} | {
    serving.NOT_EXPECTED: "not_expected",
    serving.ACCEPTED: "accepted",
    serving.NOT_SERVED: "missing",
    serving.UNKNOWN: "unknown",
}


def counts(served: Served) -> list[tuple[str, int]]:
    """State and number of dates in the order of a bar: sources, then what no source serves."""
    sources = [(colour(rank), number) for rank, number in enumerate(served.by_source, 1)]
    rest = [("missing", served.not_served), ("unknown", served.unknown)]
    out = [("accepted", served.accepted), ("not_expected", served.not_expected)]
    return [(state, number) for state, number in sources + rest + out if number]


def bar(served: Served) -> tuple[Segment, ...]:
    """Segments that together are all dates; a small one keeps a width that can be seen, over its neighbour."""
    parts = counts(served)
    whole = sum(number for _, number in parts)
    found, before = [], 0
    for state, number in parts:
        width = max(1000 * number // whole, LEAST)
        found.append(Segment(state, min(1000 * before // whole, 1000 - width), width))
        before += number
    return tuple(found)


def legend(report: NeedReport) -> tuple[LegendItem, ...]:
    """Every source, even one that serves nothing, then what no source serves."""
    sources = [
        LegendItem(colour(line.rank), line.table.short_name, line.serves)
        for line in report.sources
        if not line.is_off
    ]
    rest = [item for item in counts(report.served) if item[0] in WORDS]
    return (*sources, *(LegendItem(state, WORDS[state], number) for state, number in rest))


def strip(letters: str) -> Strip:
    """A row of dates in the colours of the sources that serve them."""
    return strips.draw(letters, STATES, attention=serving.NOT_SERVED + serving.UNKNOWN)
