"""What the needs of a table lack on the dates of its steps: a source may have been emptied since the plan was made.

It asks what is stored, as a plan does. A date that no source has is closed, one that was never read has to be read.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache

from apps.coverage.counts import serving
from apps.coverage.counts.grid import NAME, Grid
from apps.coverage.counts.serving import NOT_SERVED, UNKNOWN
from apps.coverage.sources import need_coverage
from apps.pipeline import definition
from apps.pipeline.definition import Pipeline
from apps.pipeline.sections import Need, Season, Table
from apps.runs.dependencies import gates, inputs
from apps.runs.dependencies.gates import Key, Readiness
from apps.runs.dependencies.inputs import Gap, InputDates
from apps.runs.models import Run


def add(
    found: Readiness, pipeline: Pipeline, table: Table, dates: Collection[dt.date], *, run: Run
) -> Readiness:
    """Adds what keeps these dates of the table from starting; in four queries for all of them, or none."""
    wanted = [need for need in pipeline.needs if table.name in need.used_by]
    seasons = [season for season in pipeline.seasons if any(date in season for date in dates)]
    if not (wanted and seasons):
        return found
    known = load(pipeline, wanted, seasons, run).before(pipeline, table)
    for need in wanted:
        judge = Judge(need, known)
        for date in dates:
            judge.add(found, date)
    return found


def closed_dates(
    pipeline: Pipeline, wanted: Mapping[str, Collection[dt.date]], *, run: Run
) -> dict[str, dict[dt.date, str]]:
    """By table the dates that a need keeps from starting, with its name; in four queries for all tables, or none."""
    needs = [need for need in pipeline.needs if any(wanted.get(name) for name in need.used_by)]
    dates = {date for need in needs for name in need.used_by for date in wanted.get(name, ())}
    seasons = [season for season in pipeline.seasons if any(date in season for date in dates)]
    if not seasons:
        return {}
    stored = load(pipeline, needs, seasons, run)
    closed: dict[str, dict[dt.date, str]] = defaultdict(dict)
    for need in needs:
        for name in need.used_by:
            found, judge = Readiness(), Judge(need, stored.before(pipeline, pipeline.table(name)))
            for date in wanted.get(name, ()):
                judge.add(found, date)
            closed[name] |= dict.fromkeys(found.closed, need.name)
    return dict(closed)


@dataclass(frozen=True)
class Sources:
    """What is known of the sources of needs over whole seasons; what of them a run is `coming` to fill, and what the
    asking run was to fill and did not (`undone`)."""

    grid: Grid
    coming: Mapping[str, Mapping[dt.date, int | None]]
    undone: Mapping[str, Mapping[dt.date, Gap]]

    def before(self, pipeline: Pipeline, table: Table) -> Sources:
        """As a step of this table sees them: in the grid, what is coming is unknown, and what is undone is missing.

        What a run fills after this table is as it is stored: a step that waited for it might wait for itself.
        """
        filled = [each.name for each in pipeline.filled]
        names = set(filled[: filled.index(table.name)]) & self.grid.states.keys()
        coming = {name: some for name, some in self.coming.items() if name in names}
        undone = {name: some for name, some in self.undone.items() if name in names}
        states = dict(self.grid.states)
        for name in coming.keys() | undone.keys():
            missing = dict.fromkeys(undone.get(name, ()), NOT_SERVED)
            states[name] = with_letters(
                self.grid, name, missing | dict.fromkeys(coming.get(name, ()), UNKNOWN)
            )
        return Sources(replace(self.grid, states=states), coming, undone)


def load(pipeline: Pipeline, needs: Collection[Need], seasons: Collection[Season], run: Run) -> Sources:
    grid = need_coverage.load(pipeline, seasons=tuple(seasons), needs=needs)
    names = {table.name for table in pipeline.filled} & grid.states.keys()
    if not (names and grid.dates):
        return Sources(grid, {}, {})
    coming, undone = gates.of_run(run, names, grid.dates[0], grid.dates[-1])
    left = {}
    for name, dates in undone.items():
        states = dict(zip(grid.dates, map(NAME.__getitem__, grid.states[name]), strict=True))
        left[name] = gates.still_undone(dates, states)
    return Sources(grid, coming, left)


def with_letters(grid: Grid, name: str, letters: Mapping[dt.date, str]) -> str:
    """The states of a table, with other letters on these dates."""
    pairs = zip(grid.dates, grid.states[name], strict=True)
    return "".join(letters.get(date, letter) for date, letter in pairs)


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
            closed = self.why_closed(place) if self.letters[place] == NOT_SERVED else ""
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
            f"{definition.short_name(name)} {self.what_is(name, place)}" for name in self.need.sources
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
            lacking = [each for each in places if self.letters[each] == NOT_SERVED]
            gaps = [Gap(self.grid.dates[each], self.what_is(self.need.sources[0], each)) for each in lacking]
            says = inputs.sentence(self.need.sources[0], gaps)
            return f"{short} in {season.name}: {says}", []
        if share.part >= self.need.at_least * share.whole:
            return "", []
        return "", [each for each in places if self.letters[each] == UNKNOWN]
