"""What the tests of verifications share: a shop that is filled as it should be, with a run history beside it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest

from apps.coverage.models import Scan
from apps.coverage.scanning import full_scan, warehouses
from apps.coverage.verification import verifier
from apps.coverage.verification.report import Report
from apps.pipeline import definition
from tests.conftest import day

HISTORY = """
[history]
table = "ops.history"
processor = "who"
date = "day"
status = "status"
started = "started_at"
duration = "seconds"
errors = "errors"
"""

WEEK = {"start": day("01-01"), "end": day("01-06")}


@pytest.fixture
def history(rewrite, ask) -> Callable[..., None]:
    """A run history that the pipeline file names: `history("sales", "01-02", "failed", at="08:00")`."""
    rewrite("[[season]]", f"{HISTORY}\n[[season]]")
    ask("CREATE SCHEMA ops")
    ask(
        "CREATE TABLE ops.history "
        "(who TEXT, day DATE, status TEXT, started_at TIMESTAMP, seconds DOUBLE, errors TEXT)"
    )

    def note(
        who: str,
        date: str,
        status: str,
        *,
        at: str | dt.datetime = "06:00",
        errors: str = "",
        seconds: float | None = None,
    ) -> None:
        moment = f"2024-02-01 {at}" if isinstance(at, str) else at.astimezone(dt.UTC).replace(tzinfo=None)
        ask(
            "INSERT INTO ops.history VALUES (?, ?, ?, ?, ?, ?)",
            who,
            day(date),
            status,
            moment,
            seconds,
            errors,
        )

    return note


@pytest.fixture
def scan_again(shop, db) -> Callable[[], Scan]:
    """Scans with the pipeline file as it is now."""

    def run() -> Scan:
        definition.load.cache_clear()
        pipeline, row = definition.current(), Scan.objects.create()
        full_scan.scan(pipeline, warehouses.open_warehouse(pipeline), row)
        row.refresh_from_db()
        return row

    return run


@pytest.fixture
def rescan(history, scan_again) -> Callable[[], Scan]:
    """Scans a shop with a run history; the pipeline file is read as late as that."""
    return scan_again


@pytest.fixture
def filled(shop, ask) -> None:
    """The daily tables as they should be, on every open day."""
    rows = "SELECT day, i{} FROM raw.days, range(8) items(i) WHERE open"
    ask(f"INSERT INTO daily.sales {rows.format(', NULL')}")
    ask(f"INSERT INTO daily.visits {rows.format('')}")


@pytest.fixture
def verify(shop, db) -> Callable[..., Report]:
    """Verifies the shop: `verify(tables=["daily.sales"], **WEEK)`."""

    def perform(**named) -> Report:
        pipeline = definition.current()
        wanted = verifier.scope(pipeline, **named)
        return verifier.verify(pipeline, warehouses.open_warehouse(pipeline), wanted)

    return perform
