"""What is true of such a world, found out without the product's code: its own reading, its own rules of complete."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from tests import duck
from tests.random_runs.world import ROWS, TableSpec, World, name_of

Cell = tuple[str, dt.date]


@dataclass(frozen=True)
class Day:
    """What the warehouse has of a date of a table."""

    rows: int = 0
    keys: int = 0
    written: dt.datetime | None = None


NOTHING = Day()


class Oracle:
    """The warehouse as it is at this moment."""

    def __init__(self, world: World):
        self.world = world
        with duck.opened(world.file) as connection:
            self.open = dict(connection.execute("SELECT day, units FROM raw.days WHERE open").fetchall())
            there = connection.execute(
                "SELECT table_name FROM duckdb_tables() "
                "WHERE schema_name = 'daily' AND database_name = current_database()"
            ).fetchall()
            self.found: dict[Cell, Day] = {}
            if there:
                counts = connection.execute(" UNION ALL ".join(count(f"daily.{name}") for (name,) in there))
                self.found = {(name, date): Day(*each) for name, date, *each in counts.fetchall()}

    def expected(self) -> set[Cell]:
        return {
            (name_of(number), date)
            for number in range(len(self.world.specs))
            for date in self.open
            if self.is_expected(number, date)
        }

    def is_expected(self, number: int, date: dt.date) -> bool:
        first = self.world.dates[0] + dt.timedelta(days=self.world.specs[number].skip)
        return date in self.open and date >= first

    def complete(self) -> set[Cell]:
        return {cell for cell in self.expected() if self.is_complete(*cell)}

    def is_complete(self, name: str, date: dt.date) -> bool:
        spec = self.spec(name)
        found = self.found.get((name, date), NOTHING)
        least, most = (ROWS * self.open[date],) * 2 if spec.rule == "per_unit" else (1, 2 * ROWS)
        alike = self.different(name_of(spec.like), date) if spec.like is not None else 0
        if spec.key and found.keys < found.rows:
            return False
        return least <= found.rows <= most and (not alike or found.rows == alike)

    def different(self, name: str, date: dt.date) -> int:
        """Rows of different keys where the table has a key, else all rows: what `like` is held against."""
        found = self.found.get((name, date), NOTHING)
        return found.keys if self.spec(name).key else found.rows

    def stale(self) -> set[Cell]:
        """Complete dates with a complete input that was written after them, where both say when that was."""
        complete = self.complete()
        return {cell for cell in complete if any(each in complete for each in self.newer_inputs(*cell))}

    def may_be_stale(self) -> set[Cell]:
        """The same with any newer input, complete or not."""
        return {cell for cell in self.complete() if any(self.newer_inputs(*cell))}

    def newer_inputs(self, name: str, date: dt.date) -> Iterator[Cell]:
        spec, own = self.spec(name), self.found[name, date].written
        if not spec.written:
            return
        for other in (other for other in spec.after if self.world.specs[other].written):
            for back in range(spec.lookback + 1):
                cell = name_of(other), date - dt.timedelta(days=back)
                written = self.found.get(cell, NOTHING).written
                if written and own and written > own:
                    yield cell

    def spec(self, name: str) -> TableSpec:
        return self.world.specs[self.world.names.index(name)]


def count(name: str) -> str:
    return f"SELECT '{name}', day, count(*), count(DISTINCT n), max(made) FROM {name} GROUP BY day"
