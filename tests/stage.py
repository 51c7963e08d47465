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
from typing import Any

from django.apps import AppConfig
from django.utils import timezone

SHELF = "TEST_SHELF"  # the folder of the warehouse of many writers
HURRY = "TEST_HURRY"  # what takes a minute in earnest takes some seconds
CLOCK = "TEST_CLOCK"  # the file that says by how much the clock was set
TIMES = "TEST_TIMES"  # single constants, such as {"apps.runs.engine.runner.SHORTEST_WAIT": 2}

# Every module that holds one of these, also by `from ... import`.
SHORTER: dict[str, dict[str, Any]] = {
    "apps.runs.models.lane": {"LEASE": dt.timedelta(seconds=2.5)},
    "apps.runs.models.leases": {"LEASE": dt.timedelta(seconds=2.5)},
    "apps.runs.engine.lease_heartbeat": {"BEAT": 0.5, "LOOK": 0.1},
    "apps.runs.tasks": {"SLICE": 3.0},
    "apps.runs.calls.processes": {"GRACE": 1.0},
    # Whoever is killed at random takes the same step along three times now and then: no fault of the step's.
    "apps.runs.engine.recovery": {"LOST_TIMES": 99},
    "apps.workers.models": {
        "BEAT_EVERY": dt.timedelta(seconds=0.5),
        "SILENT_AFTER": dt.timedelta(seconds=3),
    },
    "apps.workers.heartbeat": {"BEAT_EVERY": dt.timedelta(seconds=0.5)},
    "apps.workers.launcher": {
        "BEAT_EVERY": dt.timedelta(seconds=0.5),
        "LOOK_EVERY": 0.4,
        "TICK_EVERY": 1.0,
        "GRACE": 5.0,
    },
    "apps.workers.liveness_probe": {"PING_EVERY": 1.5, "PATIENCE": 3.0},
    "apps.workers.service": {"SHORTEST_WAIT": 0.1, "LONGEST_WAIT": 0.5},
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
    for name, constants in SHORTER.items():
        module = importlib.import_module(name)
        for constant, value in constants.items():
            assert hasattr(module, constant), f"{name} has no {constant} any more"
            setattr(module, constant, value)


def set_times(seconds: dict[str, float]) -> None:
    for path, value in seconds.items():
        name, _, constant = path.rpartition(".")
        module = importlib.import_module(name)
        assert hasattr(module, constant), f"{name} has no {constant} any more"
        is_span = isinstance(getattr(module, constant), dt.timedelta)
        setattr(module, constant, dt.timedelta(seconds=value) if is_span else value)


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
