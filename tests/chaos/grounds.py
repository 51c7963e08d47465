"""Where a run of chaos takes place: a warehouse with a hundred dates to fill in each of three tables."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import duckdb

from tests import duck, shelf
from tests.workers.served import ROOT

DATES = 100
FIRST = dt.date(2024, 1, 1)
LAST = FIRST + dt.timedelta(days=DATES - 1)


@dataclass(frozen=True)
class Ground:
    """`rows` are what each date of a table should have in the end; `machines` how many workers each of them has."""

    name: str
    lanes: int
    machines: tuple[int, ...]
    rows: dict[str, int]

    @property
    def steps(self) -> int:
        return DATES * len(self.rows)

    def expected(self) -> dict[tuple[str, str], int]:
        days = [str(FIRST + dt.timedelta(days=day)) for day in range(DATES)]
        return {(table, day): rows for table, rows in self.rows.items() for day in days}


class OnShelf(Ground):
    """Many may write at once."""

    def make(self, folder: Path) -> dict[str, str]:
        """The warehouse without a row; answers the environment of those who use it."""
        for table in self.rows:
            shelf.make(folder / "shelf", table, '"day" DATE', '"item" BIGINT')
        pipeline = str(ROOT / "tests/pipelines/shelf.toml")
        return {"TEST_SHELF": str(folder / "shelf"), "TEST_PIPELINE": pipeline}

    def found(self, folder: Path) -> dict[tuple[str, str], int]:
        return {
            (table, day): rows
            for table in self.rows
            for day, rows in shelf.rows_a_date(folder / "shelf", table).items()
        }


class OnDuckDB(Ground):
    """One at a time may hold the file."""

    def make(self, folder: Path) -> dict[str, str]:
        path = folder / "shop.duckdb"
        with duckdb.connect(str(path)) as warehouse:
            for statement in SHOP:
                warehouse.execute(statement)
        return {"SHOP_WAREHOUSE": str(path), "TEST_PIPELINE": str(ROOT / "tests/pipelines/long.toml")}

    def found(self, folder: Path) -> dict[tuple[str, str], int]:
        counts = " UNION ALL ".join(f"SELECT '{t}', day, count(*) FROM {t} GROUP BY day" for t in self.rows)
        with duck.opened(folder / "shop.duckdb") as warehouse:
            return {(table, str(day)): rows for table, day, rows in warehouse.execute(counts).fetchall()}


SHOP = (
    "CREATE SCHEMA raw",
    "CREATE SCHEMA daily",
    "CREATE SCHEMA weekly",
    f"CREATE TABLE raw.days AS SELECT DATE '{FIRST}' + CAST(day AS INTEGER) AS day, 4 AS orders, TRUE AS open "
    f"FROM range({DATES}) days(day)",
    "CREATE TABLE daily.sales (day DATE, item BIGINT, written_at TIMESTAMP)",
    "CREATE TABLE daily.visits (day DATE, item BIGINT)",
    "CREATE TABLE weekly.trend (day DATE, score DOUBLE)",
)

GROUNDS = (
    OnShelf("shelf", 3, (2, 1), {"shop.orders": 4, "shop.sales": 4, "shop.trend": 4}),
    OnDuckDB("duckdb", 1, (1, 1), {"daily.sales": 8, "daily.visits": 8, "weekly.trend": 1}),
    OnShelf("shelf", 2, (1, 1), {"shop.orders": 4, "shop.sales": 4, "shop.trend": 4}),
)
