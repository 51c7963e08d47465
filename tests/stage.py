"""What the environment makes of the console's processes in tests: a shelf as the warehouse, and other times.

The tests' settings install it in every process, launcher and workers too, where one of its variables is set.
"""

from __future__ import annotations

import datetime as dt
import importlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from django.apps import AppConfig
from django.utils import timezone

from apps import timing

SHELF = "TEST_SHELF"  # the folder of the warehouse of many writers
HURRY = "TEST_HURRY"  # what takes a minute in earnest takes some seconds
CLOCK = "TEST_CLOCK"  # the file that says by how much the clock was set
TIMES = "TEST_TIMES"  # single constants, such as {"SHORTEST_PAUSE": 2}

SHORTER: dict[str, Any] = {
    "LEASE": dt.timedelta(seconds=2.5),
    "LEASE_HEARTBEAT_EVERY": 0.5,
    "REQUESTS_READ_EVERY": 0.1,
    "SLICE": 3.0,
    "JOB_GRACE": 1.0,
    "HEARTBEAT_EVERY": dt.timedelta(seconds=0.5),
    "SILENT_AFTER": dt.timedelta(seconds=3),
    "LAUNCHER_CHECKS_EVERY": 0.4,
    "LAUNCHER_TICKS_EVERY": 1.0,
    "LAUNCHER_GRACE": 5.0,
    "PING_EVERY": 1.5,
    "PING_TIMEOUT": 3.0,
    "SHORTEST_RESTART_WAIT": 0.1,
    "LONGEST_RESTART_WAIT": 0.5,
}
LONGEST_SILENCE = 2.5 + 1.0  # seconds: by then whoever shows no sign of life has lost its lane


class StageConfig(AppConfig):
    name = "tests.stage"

    def ready(self) -> None:
        if os.environ.get(HURRY):
            hurry()
        set_times(json.loads(os.environ.get(TIMES) or "{}"))
        if folder := os.environ.get(SHELF):
            use_shelf(Path(folder))


def wanted() -> bool:
    return any(os.environ.get(name) for name in (SHELF, HURRY, TIMES))


def hurry() -> None:
    for name, value in SHORTER.items():
        set_constant(timing, name, value)
    # Whoever is killed at random takes the same step along three times now and then: no fault of the step's.
    recovery = importlib.import_module("apps.runs.engine.recovery")
    set_constant(recovery, "LOST_TIMES", 99)


def set_times(seconds: dict[str, float]) -> None:
    for name, value in seconds.items():
        is_span = isinstance(getattr(timing, name, None), dt.timedelta)
        set_constant(timing, name, dt.timedelta(seconds=value) if is_span else value)


def set_constant(module: ModuleType, name: str, value: object) -> None:
    assert hasattr(module, name), f"{module.__name__} has no {name} any more"
    setattr(module, name, value)


def set_clock(file: Path) -> None:
    """The console's time of day is as many seconds ahead as the file says, from one moment to the next."""

    def now() -> dt.datetime:
        return dt.datetime.now(dt.UTC) + dt.timedelta(seconds=float(file.read_text() or 0))

    timezone.now = now


def use_shelf(folder: Path) -> None:
    from apps.coverage.scanning import warehouses
    from apps.pipeline.sections import DuckDB

    DuckDB.most_lanes = property(lambda self: 64)

    def open_shelf(pipeline: object, labels: Mapping[str, str] | None = None) -> Any:
        from tests.shelf import Shelf  # only workers pay for DuckDB

        return Shelf(folder)

    warehouses.open_warehouse = open_shelf
