"""The demo as an operator finds it: its warehouse, its jobs, and its pipeline file's rules, read plainly."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from tests import duck

DEMO = Path(__file__).resolve().parents[2] / "demo"
PIPELINE = tomllib.loads((DEMO / "pipeline.toml").read_text())
TABLES = {table["name"].split(".")[1]: table for table in PIPELINE["table"]}
PHASE_3 = [name for name, table in TABLES.items() if table["phase"] == "3"]
PHASE_4 = [name for name, table in TABLES.items() if table["phase"] == "4"]

BACKFILL = ("--backfill-mode", "--skip-downstream-trigger")


def days(first: str, last: str) -> list[date]:
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    return [start + timedelta(days=n) for n in range((end - start).days + 1)]


@dataclass
class DemoWarehouse:
    """One file, asked in short connections, as all of its users do."""

    path: Path

    def copied_to(self, folder: Path) -> DemoWarehouse:
        return DemoWarehouse(Path(shutil.copy(self.path, folder)))

    def ask(self, query: str, *parameters: object) -> list[tuple]:
        with duck.opened(self.path, read_only=True) as connection:
            return connection.execute(query, parameters).fetchall()

    def change(self, statement: str, *parameters: object) -> None:
        with duck.opened(self.path) as connection:
            connection.execute(statement, parameters)

    def units(self) -> dict[date, int]:
        return dict(self.ask(PIPELINE["calendar"]["query"]))

    def season_dates(self, name: str) -> list[date]:
        season = next(season for season in PIPELINE["season"] if season["name"] == name)
        return sorted(day for day in self.units() if season["start"] <= day <= season["end"])

    def rows(self, table: str) -> dict[date, int]:
        """Rows by date, dates with rows only."""
        column = TABLES[table]["date_column"]
        return dict(self.ask(f"SELECT {column}, count(*) FROM {TABLES[table]['name']} GROUP BY 1"))

    def complete(self, table: str) -> set[date]:
        return set(self.rows(table)) - set(self.out_of_bounds(table, self.rows(table)))

    def out_of_bounds(self, table: str, dates: Iterable[date]) -> dict[date, str]:
        """Those of the dates whose rows break the pipeline's rule, with what was found and expected."""
        rule, rows, units = TABLES[table]["rows"], self.rows(table), self.units()
        like = self.rows(rule["like"].split(".")[1]) if "like" in rule else {}
        found = {}
        for day in dates:
            count = rows.get(day, 0)
            bounds = [tuple(units[day] * end for end in rule["per_unit"])] if "per_unit" in rule else []
            bounds += [tuple(rule["between"])] if "between" in rule else []
            if like.get(day):
                bounds.append((like[day] * rule["at_least"], like[day] * rule["at_most"]))
            if not bounds or count == 0 or any(not low <= count <= high for low, high in bounds):
                found[day] = f"{count} rows, expected {bounds}"
        return found

    def out_of_band(self, table: str, dates: Iterable[date]) -> dict[date, str]:
        """Those of the dates on which some row's quality is not in the band of that day of the season."""
        column = TABLES[table]["date_column"]
        scores = {
            day: (low, high)
            for day, low, high in self.ask(
                f"SELECT {column}, min(quality_score)::DOUBLE, max(quality_score)::DOUBLE "
                f"FROM {TABLES[table]['name']} GROUP BY 1"
            )
        }
        found = {}
        for day in dates:
            low, high = band(table, day)
            if day not in scores or not low <= scores[day][0] <= scores[day][1] <= high:
                found[day] = f"{scores.get(day)}, expected {low} to {high}"
        return found

    def run(self, table: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Call a table's script as a shell would."""
        return subprocess.run(
            [sys.executable, f"jobs/{table}.py", *arguments],
            cwd=DEMO,
            env=os.environ | {"PYTHONPATH": ".", "WAREHOUSE": str(self.path)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def backfill(self, table: str, first: str, last: str) -> str:
        """Fill a range the way the pipeline file says, script or SQL; the log."""
        sql = TABLES[table]["job"].get("sql")
        if sql:
            self.run_sql(sql, first, last)
            return ""
        result = self.run(table, "--start-date", first, "--end-date", last, *BACKFILL)
        assert result.returncode == 0, result.stderr
        return result.stderr

    def run_sql(self, sql: str, first: str, last: str) -> None:
        script = (DEMO / sql).read_text().replace("@start_date", "$start_date")
        script = script.replace("@end_date", "$end_date")
        with duck.opened(self.path) as connection:
            for statement in connection.extract_statements(script):
                names = statement.named_parameters
                values = {"start_date": date.fromisoformat(first), "end_date": date.fromisoformat(last)}
                connection.execute(statement, {name: values[name] for name in names})


def band(table: str, day: date) -> tuple[float, float]:
    season = next(season for season in PIPELINE["season"] if season["start"] <= day <= season["end"])
    day_of_season = (day - season["opening"]).days + 1
    bands = [b for b in TABLES[table]["quality"]["bands"] if b["from_day"] <= day_of_season]
    return tuple(bands[-1]["between"]) if bands else (0, 0)
