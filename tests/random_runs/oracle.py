"""What is true of such a world, found out without the product's code: its own reading, its own rules of complete."""

from __future__ import annotations

import datetime as dt

from tests.random_runs.world import ROWS, World, name_of, opened

Cell = tuple[str, dt.date]


class Oracle:
    """The warehouse as it is at this moment."""

    def __init__(self, world: World):
        self.world = world
        with opened(world.file) as connection:
            self.open = dict(connection.execute("SELECT day, units FROM raw.days WHERE open").fetchall())
            there = connection.execute(
                "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'daily' AND database_name = 'world'"
            ).fetchall()
            self.rows: dict[str, dict[dt.date, int]] = {name: {} for name in world.names}
            for (name,) in there:
                counted = connection.execute(f"SELECT day, count(*) FROM daily.{name} GROUP BY 1").fetchall()
                self.rows[f"daily.{name}"] = dict(counted)

    def expected(self) -> set[Cell]:
        return {
            (name_of(number), date)
            for number, spec in enumerate(self.world.specs)
            for date in self.open
            if (date - self.world.dates[0]).days >= spec.skip
        }

    def complete(self) -> set[Cell]:
        return {cell for cell in self.expected() if self.is_complete(*cell)}

    def is_complete(self, name: str, date: dt.date) -> bool:
        spec = self.world.specs[self.world.names.index(name)]
        found = self.rows[name].get(date, 0)
        least, most = (ROWS * self.open[date],) * 2 if spec.rule == "per_unit" else (1, 2 * ROWS)
        alike = self.rows[name_of(spec.like)].get(date, 0) if spec.like is not None else 0
        return least <= found <= most and (not alike or found == alike)
