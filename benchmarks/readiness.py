"""The time of sources, verification and pre-flight of the whole demo: `python -m benchmarks.readiness`.

All tables, all seasons; exits 1 over a limit. Warehouse queries are counted too.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks import demo

LIMIT = 5.0  # seconds of each


@dataclass
class Measured:
    """A report with its seconds and number of warehouse queries."""

    name: str
    seconds: float
    queries: int

    @property
    def is_in_time(self) -> bool:
        return self.seconds <= LIMIT

    def __str__(self) -> str:
        missed = "" if self.is_in_time else f"   over its {LIMIT:g} s"
        return f"{self.name:<36} {self.seconds:6.2f} s   {self.queries:2} queries{missed}"


def main() -> None:
    found = list(measured(prepare()))
    for each in found:
        print(each)
    sys.exit(0 if all(each.is_in_time for each in found) else 1)


def prepare() -> Any:
    """Build and scan the demo, set up Django on it, and return its pipeline."""
    env = demo.environment()
    demo.build(env)
    os.environ.update(env)
    import django

    django.setup()
    from apps.pipeline import definition

    return definition.current()


def measured(pipeline: Any) -> Iterator[Measured]:
    with counted() as asked:
        for name, work in reports(pipeline).items():
            del asked[:]
            began = time.perf_counter()
            work()
            yield Measured(name, time.perf_counter() - began, len(asked))


def reports(pipeline: Any) -> dict[str, Callable[[], object]]:
    """The measured functions by name, each for all dates and tables."""
    from apps.coverage.scanning import warehouses
    from apps.coverage.sources import need_coverage, windows
    from apps.coverage.verification import verifier
    from apps.pipeline import scope
    from apps.runs.preflight import reports as preflights

    warehouse = warehouses.open_warehouse(pipeline)

    def verify() -> None:
        wanted = verifier.scope(pipeline)
        verifier.perform(pipeline, warehouse, verifier.request(pipeline, wanted, by="benchmark"))

    def preflight(*, quick: bool) -> None:
        report = preflights.create(scope.scope(pipeline), by="benchmark", quick=quick)
        preflights.perform(report, pipeline, warehouse)
        assert report.is_finished, report.problem

    off = [need_coverage.find_source(pipeline, "nba_raw.odds_api_player_points_props")]
    return {
        "sources": lambda: need_coverage.report(pipeline),
        "sources, with one off": lambda: need_coverage.report(pipeline, off=off),
        "test windows": lambda: windows.best(windows.facts_of(pipeline)),
        "verification": verify,
        "pre-flight, quick": lambda: preflight(quick=True),
        "pre-flight, with dry runs of jobs": lambda: preflight(quick=False),
    }


@contextmanager
def counted() -> Iterator[list[str]]:
    """Collects every statement that the warehouse engine gets."""
    from apps.warehouse.duckdb import DuckDBWarehouse

    asked: list[str] = []
    real = DuckDBWarehouse.opened

    @contextmanager
    def opened(self: Any, **how: Any) -> Iterator[Any]:
        with real(self, **how) as connection:
            yield Counting(connection, asked)

    DuckDBWarehouse.opened = opened  # type: ignore[method-assign,assignment]
    try:
        yield asked
    finally:
        DuckDBWarehouse.opened = real  # type: ignore[method-assign]


class Counting:
    """A connection that collects its statements."""

    def __init__(self, connection: Any, asked: list[str]):
        self.connection = connection
        self.asked = asked

    def execute(self, sql: Any, *rest: Any) -> Any:
        self.asked.append(str(sql))
        return self.connection.execute(sql, *rest)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.connection, name)


if __name__ == "__main__":
    main()
