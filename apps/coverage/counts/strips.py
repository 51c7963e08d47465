"""Rows of dates as SVG: one path a state, ticks where a month or a season begins, and the legend's counts."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

from apps.coverage.counts.grid import NAME, Grid
from apps.coverage.counts.rollup import Coverage, TableCoverage, Tally
from apps.coverage.models import TableReading
from apps.pipeline.sections import Season, Table
from apps.svg import rectangle

HEIGHT = 16
# Missing is the ground that a strip is drawn on. What asks for attention is drawn last, over its neighbours.
DRAWN = "canqrusetxkdf"
ATTENTION = "usetxkdfr"
LEGEND = "cdkstefmrquxan"
# A strip is hardly ever narrower than this many pixels: a bad date gets at least one of them.
PIXELS = 240
KEPT = 512  # the paths of a strip are some kilobytes, and most strips stay as they are
MOST_LINES = 120
# What a letter of a label takes, in percent of the strip on a phone (300 pixels), and the least between two labels.
PERCENT_A_LETTER = 2.1
PERCENT_BETWEEN = 1.3

MONTHS = ["", *(f"{dt.date(2000, month, 1):%b}" for month in range(1, 13))]


@dataclass(frozen=True)
class Path:
    state: str
    d: str


@dataclass(frozen=True)
class Strip:
    """What `components/_strip.html` draws: `length` cells of HEIGHT, a path a state."""

    length: int
    paths: tuple[Path, ...]
    gaps: str = ""


@dataclass(frozen=True)
class StripRow:
    """A table with its strip and its numbers; with a `silence` these are those that were known last."""

    table: Table
    tally: Tally
    strip: Strip
    silence: TableReading | None = None


@dataclass(frozen=True)
class Group:
    """The rows of a phase."""

    label: str
    rows: tuple[StripRow, ...]


@dataclass(frozen=True)
class Tick:
    """A label under a row of cells; `anchor` says which of its ends stands at `x`."""

    x: str
    label: str
    anchor: str = "start"


@dataclass(frozen=True)
class SeasonMap:
    """A season's dates as strips: its filled tables by phase, and apart from them the sources."""

    season: Season
    dates: int
    ticks: tuple[Tick, ...]
    filled: tuple[Group, ...]
    sources: tuple[Group, ...]


@dataclass(frozen=True)
class LegendItem:
    state: str
    label: str
    count: int | None
    url: str = ""


@lru_cache(maxsize=KEPT)
def strip(letters: str) -> Strip:
    """A row of letters (of coverage.grid) as run-length paths."""
    return draw(letters, {letter: NAME[letter] for letter in DRAWN}, attention=ATTENTION)


def draw(letters: str, states: Mapping[str, str], *, attention: str = "") -> Strip:
    """A path for each of the states, drawn in their order; a letter without a state stays empty.

    Letters that ask for `attention` are at least a pixel wide.
    """
    boxes: dict[str, list[str]] = {state: [] for state in states.values()}
    for letter, start, width in runs(letters):
        if letter in states:
            boxes[states[letter]].append(box(start, width, len(letters), wide=letter in attention))
    paths = tuple(Path(state, "".join(some)) for state, some in boxes.items() if some)
    lines = "".join(f"M{place} 0v{HEIGHT}" for place in range(1, len(letters)))
    return Strip(len(letters), paths, lines if len(letters) <= MOST_LINES else "")


def runs(letters: str) -> Iterable[tuple[str, int, int]]:
    """Letter, start and length of each run of equal letters."""
    start = 0
    for letter, same in groupby(letters):
        width = len(list(same))
        yield letter, start, width
        start += width


def box(start: float, width: float, length: int, *, wide: bool) -> str:
    """A rectangle as a path; a `wide` one keeps the width of a pixel however many dates there are."""
    least = length / PIXELS if wide else 0
    if width < least:
        start, width = min(max(start - (least - width) / 2, 0), length - least), least
    return rectangle(f"{start:.4g}", 0, f"{width:.4g}", HEIGHT)


def rows(tables: Iterable[TableCoverage]) -> tuple[StripRow, ...]:
    """A row a table over the whole range."""
    return tuple(StripRow(each.table, each.tally, strip(each.shown), each.silence) for each in tables)


def season_maps(coverage: Coverage, *, only: Collection[str] | None = None) -> list[SeasonMap]:
    """A map a season, newest first, of all tables or some."""
    tables = [each.table for each in coverage.tables if only is None or each.table.name in only]
    filled, sources = [{table.name for table in tables if table.is_source == kind} for kind in (False, True)]
    return [
        SeasonMap(
            season=season,
            dates=len(coverage.grid.dates[part]),
            ticks=month_ticks(coverage.grid.dates[part]),
            filled=groups(coverage, season, part, filled),
            sources=groups(coverage, season, part, sources),
        )
        for season, part in reversed(coverage.grid.seasons)
    ]


def groups(coverage: Coverage, season: Season, part: slice, wanted: Collection[str]) -> tuple[Group, ...]:
    """The season's rows of the wanted tables, by phase; phases without any are left out."""
    found = [
        Group(
            phase.phase.full_label,
            tuple(
                StripRow(each.table, each.by_season[season.name], strip(each.shown[part]), each.silence)
                for each in phase.tables
                if each.table.name in wanted
            ),
        )
        for phase in coverage.phases
    ]
    return tuple(group for group in found if group.rows)


def month_ticks(dates: Sequence[dt.date]) -> tuple[Tick, ...]:
    return ticks([MONTHS[date.month] for date in dates])


def season_ticks(grid: Grid) -> tuple[Tick, ...]:
    return ticks([season.name for season, part in grid.seasons for _ in grid.dates[part]])


def ticks(labels: Sequence[str]) -> tuple[Tick, ...]:
    """A tick where the label changes, or at the right end where it would not fit; not where it would touch the next."""
    found: list[Tick] = []
    free = 100.0
    for place in reversed([at for at, label in enumerate(labels) if not at or label != labels[at - 1]]):
        begin, width = 100 * place / len(labels), PERCENT_A_LETTER * len(labels[place])
        left = min(begin, 100 - width)
        if left + width <= free:
            fits = left == begin
            found.append(Tick(f"{begin:.2f}%", labels[place]) if fits else Tick("100%", labels[place], "end"))
            free = left - PERCENT_BETWEEN
    return tuple(reversed(found))


def shown_counts(grid: Grid, tables: Iterable[Table]) -> Counter[str]:
    """Cells by the letter that they show, with rows off the calendar among the unexpected ones."""
    found: Counter[str] = Counter()
    for table in tables:
        found.update(grid.shown(table.name))
        found["x"] += len(grid.strays[table.name])
    return found


def is_active(grid: Grid) -> bool:
    """Whether a run is about to fill, or fills, any of these cells."""
    return any(letter in letters for letters in grid.activities.values() for letter in "qr")


def legend(counts: Counter[str]) -> list[LegendItem]:
    """The states that are there, in the order of every legend."""
    return [
        LegendItem(NAME[letter], state_label(NAME[letter]), counts[letter])
        for letter in LEGEND
        if counts[letter]
    ]


def state_label(state: str) -> str:
    """A state as people say it."""
    return state.replace("_", " ")
