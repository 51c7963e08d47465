"""What the needs of a table lack on the dates of its steps: a source may have been emptied since the plan was made.

It asks what is stored, as a plan does. A date that no source has is closed, one of which nobody knows is to be read.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache

from apps.coverage import serving, sources
from apps.coverage.grid import NAME, Grid
from apps.coverage.serving import NOBODY, UNKNOWN
from apps.pipeline.definition import Need, Pipeline, Season, Table
from apps.runs import gates, inputs
from apps.runs.gates import Key, Readiness
from apps.runs.inputs import Gap, InputDates
from apps.runs.models import Run


def add(
    found: Readiness, pipeline: Pipeline, table: Table, dates: Collection[dt.date], *, run: Run
) -> Readiness:
    """Notes what keeps these dates of the table from starting; in four queries for all of them, or none."""
    wanted = [need for need in pipeline.needs if table.name in need.used_by]
    seasons = [season for season in pipeline.seasons if any(date in season for date in dates)]
    if not (wanted and seasons):
        return found
    known = load(pipeline, table, wanted, seasons, run)
    for need in wanted:
        judge = Judge(need, known)
        for date in dates:
            judge.add(found, date)
    return found


@dataclass(frozen=True)
class Sources:
    """What is known of the sources of a table's needs over whole seasons. In the grid, what a run is `coming` to fill
    is unknown, and what the asking run was to fill and did not (`undone`) is missing."""

    grid: Grid
    coming: Mapping[str, Mapping[dt.date, int | None]]
    undone: Mapping[str, Mapping[dt.date, Gap]]


def load(
    pipeline: Pipeline, table: Table, needs: Collection[Need], seasons: Collection[Season], run: Run
) -> Sources:
    grid = sources.load(pipeline, seasons=tuple(seasons), needs=needs)
    names = filled_before(pipeline, table) & grid.states.keys()
    if not (names and grid.dates):
        return Sources(grid, {}, {})
    coming, all_undone = gates.of_run(run, names, grid.dates[0], grid.dates[-1])
    undone = {name: gates.still_undone(all_undone[name], dict(states_of(grid, name))) for name in all_undone}
    changed = {
        name: with_letters(grid, name, dict.fromkeys(coming.get(name, ()), UNKNOWN), undone.get(name, ()))
        for name in names
    }
    return Sources(replace(grid, states=grid.states | changed), coming, undone)


def filled_before(pipeline: Pipeline, table: Table) -> set[str]:
    """The tables that a run fills before this one. Others are not waited for: they might wait for this one."""
    names = [each.name for each in pipeline.filled]
    return set(names[: names.index(table.name)])


def states_of(grid: Grid, name: str) -> Iterator[tuple[dt.date, str]]:
    return ((date, NAME[letter]) for date, letter in zip(grid.dates, grid.states[name], strict=True))


def with_letters(grid: Grid, name: str, coming: Mapping[dt.date, str], undone: Collection[dt.date]) -> str:
    changed = dict.fromkeys(undone, NOBODY) | dict(coming)
    pairs = zip(grid.dates, grid.states[name], strict=True)
    return "".join(changed.get(date, letter) for date, letter in pairs)


class Judge:
    """One need, on each of some dates."""

    def __init__(self, need: Need, known: Sources):
        self.need, self.known, self.grid = need, known, known.grid
        self.letters = serving.serving(need, known.grid.states)
        self.places = {date: place for place, date in enumerate(self.grid.dates)}
        self.of_season = cache(self.judge_season)

    def add(self, found: Readiness, date: dt.date) -> None:
        place = self.places.get(date)
        if place is None:
            return
        self.wait(found, date, [(name, date) for name in self.awaited(place)])
        if self.need.at_least < 1:
            closed, undecided = self.of_season(self.season_of(place))
        else:
            closed = self.why_closed(place) if self.letters[place] == NOBODY else ""
            undecided = [place] if self.letters[place] == UNKNOWN else []
        if closed:
            found.closed.setdefault(date, closed)
        for each in undecided:
            self.wait(found, date, [(name, self.grid.dates[each]) for name in self.awaited(each)])
            found.unread.setdefault(date, []).extend(self.unread(each))

    def awaited(self, place: int) -> Iterator[str]:
        """The sources that a run is about to fill on a date, as far as none before them has it."""
        for rank, name in enumerate(self.need.sources):
            if self.letters[place] == chr(serving.FIRST + rank):
                return
            if self.grid.dates[place] in self.known.coming.get(name, ()):
                yield name

    def wait(self, found: Readiness, date: dt.date, keys: Collection[Key]) -> None:
        for name, day in keys:
            gates.wait_for(found, date, name, [day], InputDates(filled_by=self.known.coming[name]))

    def unread(self, place: int) -> list[Key]:
        """The sources that are to be read, since they decide whether the date is there."""
        date = self.grid.dates[place]
        return [
            (name, date)
            for name in self.need.sources
            if self.grid.states[name][place] == UNKNOWN and date not in self.known.coming.get(name, ())
        ]

    def why_closed(self, place: int) -> str:
        """ "no source of Orders has 2024-01-05: orders is missing, orders_backup is thin"."""
        date = self.grid.dates[place]
        lacking = ", ".join(
            f"{name.rpartition('.')[2]} {self.what_is(name, place)}" for name in self.need.sources
        )
        return f"no source of {self.need.name} has {date}: {lacking}"

    def what_is(self, name: str, place: int) -> str:
        if gap := self.known.undone.get(name, {}).get(self.grid.dates[place]):
            return f"{gap.verb} {gap.when}".strip()
        return f"is {NAME[self.grid.states[name][place]].replace('_', ' ')}"

    def season_of(self, place: int) -> int:
        return next(n for n, (_, part) in enumerate(self.grid.seasons) if part.start <= place < part.stop)

    def judge_season(self, number: int) -> tuple[str, list[int]]:
        """Why a season in which the sources together fall short of the need's share is closed; and the places of the
        dates that decide whether they do, where that is not known."""
        season, part = self.grid.seasons[number]
        places = range(part.start, part.stop)
        share = serving.tally(self.need, self.letters[part]).together
        if short := serving.falls_short(self.need, share):
            lacking = [each for each in places if self.letters[each] == NOBODY]
            gaps = [Gap(self.grid.dates[each], self.what_is(self.need.sources[0], each)) for each in lacking]
            says = inputs.sentence(self.need.sources[0], gaps)
            return f"{short} in {season.name}: {says}", []
        if share.part >= self.need.at_least * share.whole:
            return "", []
        return "", [each for each in places if self.letters[each] == UNKNOWN]
