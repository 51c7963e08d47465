"""A small world to be wrong in: a random pipeline, a real DuckDB file, and jobs that misbehave as they are told.

Jobs are called in this process: that one is a process of its own is not the point here, and there are thousands.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from apps.pipeline import definition
from apps.runs.calls import jobs
from apps.runs.calls.jobs import Call, Outcome
from tests import duck

FIRST = dt.date(2024, 1, 1)
COLUMNS = "(day DATE, n INT, made TIMESTAMP)"
ROWS = 2  # that a right job writes for a unit
SOURCES = ("raw.a", "raw.b")

FAULTS = (
    "writes nothing", "writes too much", "writes half", "deletes then fails", "fails", "aborts", "drops its table",
    "is killed", "is stopped", "deletes and is stopped", "writes keys twice",
    "writes elsewhere", "deletes earlier dates", "replaces the table", "touches its input", "another run is launched",
)  # fmt: skip


class Killed(BaseException):
    """The worker is killed in the middle of a call."""


@dataclass(frozen=True)
class TableSpec:
    """A table of the pipeline. `after` are places of earlier ones, `like` the place of one or None."""

    rule: str = "per_unit"
    after: tuple[int, ...] = ()
    lookback: int = 0
    like: int | None = None
    needs: bool = False
    batch: int = 1
    style: str = "list"
    attempts: int = 1
    skip: int = 0
    key: bool = False
    written: bool = False
    share: float = 1.0


@dataclass(frozen=True)
class Fault:
    """What the job of a table does wrong on a date, so many times."""

    table: int
    day: int
    kind: str
    times: int = 1


@dataclass
class World:
    """The warehouse's file, the pipeline, and the faults that are still to come."""

    folder: Path
    specs: tuple[TableSpec, ...]
    days: int
    gate: int = 6  # the place of the first table behind a manual gate
    faults: dict[tuple[str, dt.date], list[str]] = field(default_factory=dict)
    stop: Callable[[], None] = lambda: None
    launch: Callable[[], None] = lambda: None
    before: Callable[[str, str, list[dt.date]], None] = lambda run, table, dates: None
    watch: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        self.file = self.folder / "world.duckdb"
        self.dates = [FIRST + dt.timedelta(days=number) for number in range(self.days)]
        days = ", ".join(f"('{date}', {1 + number % 2}, true)" for number, date in enumerate(self.dates))
        self.say(
            "CREATE SCHEMA raw; CREATE SCHEMA daily; CREATE TABLE raw.days (day DATE, units INT, open BOOL); "
            f"INSERT INTO raw.days VALUES {days};"
            + "".join(f"CREATE TABLE {name} AS SELECT day, 1 AS n FROM raw.days;" for name in SOURCES)
            + "".join(f"CREATE TABLE {name} {COLUMNS};" for name in self.names)
        )
        self.pipeline = definition.build(self.values(), self.folder / "pipeline.toml")

    @property
    def names(self) -> list[str]:
        return [name_of(number) for number in range(len(self.specs))]

    def say(self, sql: str) -> list[tuple]:
        with duck.opened(self.file) as connection:
            return connection.execute(sql).fetchall()

    def values(self) -> dict[str, Any]:
        """The pipeline file's contents."""
        needy = [name for name, spec in zip(self.names, self.specs, strict=True) if spec.needs]
        need = {"name": "Raw", "sources": list(SOURCES), "at_least": 0.01, "used_by": needy}
        return {
            "name": "Random",
            "warehouse": {"engine": "duckdb", "path": "world.duckdb"},
            "calendar": {"query": "SELECT day AS date, units FROM raw.days WHERE open"},
            "season": [{"name": "all", "start": self.dates[0], "end": self.dates[-1]}],
            "phase": [{"name": "1"}, {"name": "2"}, {"name": "3", "gate": "manual"}],
            "table": [{"name": name, "phase": "1", "date_column": "day"} for name in SOURCES if needy]
            + [self.table(number) for number in range(len(self.specs))],
            "need": [need] if needy else [],
        }

    def table(self, number: int) -> dict[str, Any]:
        spec, name = self.specs[number], name_of(number)
        dated = {"range": ["{start}", "{end}"], "list": ["{dates}"], "single": ["{start}", "{end}"]}
        rows: dict[str, Any] = (
            {"per_unit": [ROWS, ROWS]} if spec.rule == "per_unit" else {"between": [1, 2 * ROWS]}
        )
        if spec.like is not None:
            rows |= {"like": name_of(spec.like), "at_least": 1.0, "at_most": 1.0}
        return {
            "name": name,
            "phase": "2" if number < self.gate else "3",
            "date_column": "day",
            **({"key": ["n"]} if spec.key else {}),
            **({"written_column": "made"} if spec.written else {}),
            "skip_first_days": spec.skip,
            "after": [
                {"table": name_of(other), "lookback": spec.lookback}
                | ({"at_least": spec.share} if spec.lookback else {})
                for other in spec.after
            ],
            "rows": rows,
            "job": {
                "command": ["job", name, *dated[spec.style]],
                "dates": spec.style,
                "batch": 1 if spec.style == "single" else spec.batch,
                "attempts": spec.attempts,
            },
        }

    # Jobs -----------------------------------------------------------------------------------------

    def call(self, call: Call, log: Path, *, stopped: Callable[[], bool], **options: Any) -> Outcome:
        """Stands where a process would be made."""
        jobs.create_log(log)
        name, *words = call.argv[1:]
        asked = self.asked(words)
        self.before(call.added["BACKFILL_RUN"], name, asked)
        with log.open("a") as output:
            outcome = self.fill(name, asked, lambda text: print(text, file=output))
        self.watch()
        return outcome

    def asked(self, words: list[str]) -> list[dt.date]:
        if len(words) == 1:
            return [dt.date.fromisoformat(word) for word in words[0].split(",")]
        first, last = map(dt.date.fromisoformat, words)
        return [date for date in self.dates if first <= date <= last]

    def fill(self, name: str, dates: Iterable[dt.date], log: Callable[[str], None]) -> Outcome:
        for date in dates:
            log(f"INFO Processing {date}")
            planned = self.faults.get((name, date))
            kind = planned.pop() if planned else ""
            try:
                if outcome := self.misbehave(kind, name, date, log):
                    return outcome
            except duckdb.CatalogException as error:
                log(f"ERROR {date}: {str(error).splitlines()[0]}")
        return Outcome(exit_status=0)

    def misbehave(self, kind: str, name: str, date: dt.date, log: Callable[[str], None]) -> Outcome | None:
        """Does what the fault says, or what is right; an outcome where the call ends with it."""
        others = [day for day in self.dates if day != date]
        match kind:
            case "writes nothing":
                log("INFO success, 0 records")
            case "writes too much":
                self.write(name, date, times=3)
            case "writes keys twice":
                self.write(name, date, alike=2)
            case "writes elsewhere":
                self.write(name, others[-1], times=2)
            case "writes half":
                self.write(name, date, least=True)
            case "deletes earlier dates":
                self.say(f"DELETE FROM {name} WHERE day < '{date}'")
                self.write(name, date)
            case "replaces the table":
                self.say(f"DELETE FROM {name}")
                self.write(name, date)
            case "deletes then fails":
                self.say(f"DELETE FROM {name} WHERE day = '{date}'")
                log(f"ERROR {date}: out of memory")
            case "fails":
                log(f"ERROR {date}: no connection")
            case "aborts":
                log("ERROR cannot go on")
                return Outcome(exit_status=1)
            case "touches its input":
                self.write(name, date)
                for other in self.specs[self.names.index(name)].after:
                    self.say(f"DELETE FROM {name_of(other)} WHERE day = '{date}'")
            case "another run is launched":
                self.launch()
                self.write(name, date)
            case "drops its table":
                self.say(f"DROP TABLE {name}")
                log(f"ERROR {date}: schema changed")
            case "is killed":
                self.say(f"DELETE FROM {name} WHERE day = '{date}'")
                raise Killed
            case "is stopped" | "deletes and is stopped":
                if kind.startswith("deletes"):
                    self.say(f"DELETE FROM {name} WHERE day = '{date}'")
                self.stop()
                return Outcome(stopped=True)
            case _:
                self.write(name, date)
        return None

    def write(self, name: str, date: dt.date, *, times: int = 1, least: bool = False, alike: int = 1) -> None:
        """Writes a date anew; `alike` rows of it have the same key."""
        units = (self.dates.index(date)) % 2 + 1
        number = 1 if least else ROWS * units * times
        self.say(
            f"CREATE TABLE IF NOT EXISTS {name} {COLUMNS}; DELETE FROM {name} WHERE day = '{date}'; "
            f"INSERT INTO {name} SELECT DATE '{date}', i // {alike}, '{now()}' FROM range({number}) AS t(i)"
        )

    def expect_faults(self, faults: Iterable[Fault]) -> None:
        """Each at a table and a date of this world."""
        for fault in faults:
            cell = name_of(fault.table % len(self.specs)), self.dates[fault.day % self.days]
            self.faults.setdefault(cell, []).extend([fault.kind] * fault.times)

    def fill_at_once(self, names: Iterable[str]) -> None:
        """What was there before the console came."""
        for name in names:
            self.say(
                f"INSERT INTO {name} SELECT day, i, '{now()}' FROM raw.days, range(4) AS t(i) "
                f"WHERE i < {ROWS} * units"
            )

    def lose(self, name: str, date: dt.date) -> None:
        """Somebody deletes a date."""
        self.say(f"CREATE TABLE IF NOT EXISTS {name} {COLUMNS}; DELETE FROM {name} WHERE day = '{date}'")

    # The world outside --------------------------------------------------------------------------------

    def toggle_calendar(self, date: dt.date) -> None:
        self.say(f"UPDATE raw.days SET open = NOT open WHERE day = '{date}'")

    def release_lane(self) -> None:
        self.file.rename(self.file.with_suffix(".away"))

    def come_back(self) -> None:
        os.replace(self.file.with_suffix(".away"), self.file)


def now() -> dt.datetime:
    """As the jobs write it: in UTC, without a zone."""
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)


def name_of(number: int) -> str:
    return f"daily.t{number}"
