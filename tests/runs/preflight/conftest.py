"""What tests of pre-flights share: checks written into the shop's file, and reports that are really made."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from apps.coverage.scanning import warehouses
from apps.pipeline import definition, scope
from apps.runs.models import Preflight
from apps.runs.preflight import reports
from apps.runs.preflight.finding import Finding, Result
from apps.runs.preflight.reports import ShownReport
from apps.warehouse.duckdb import DuckDBWarehouse
from tests.runs.pages.conftest import read  # noqa: F401  # a fixture

Checked = Callable[..., ShownReport]


@pytest.fixture
def configure(shop: Path, transactional_db: None) -> Callable[[str], None]:
    """Adds `[[check]]` blocks to the shop's pipeline file; a line `name = ...` may be left out."""

    def write(text: str, **changes: str) -> None:
        path = shop.parent / "shop.toml"
        blocks = text.replace("PYTHON", sys.executable)
        path.write_text(path.read_text() + "\n" + blocks)
        definition.load.cache_clear()

    return write


@pytest.fixture
def checked(shop: Path, transactional_db: None) -> Checked:
    """Makes a report now, as a worker would: `checked(tables=["daily.sales"])`."""

    def make(*, quick: bool = False, **names) -> ShownReport:
        pipeline = definition.current()
        report = reports.create(scope.scope(pipeline, **names), by="olga", quick=quick)
        reports.perform(report, pipeline, warehouses.open_warehouse(pipeline))
        return reports.shown_report(Preflight.objects.get(pk=report.pk))

    return make


@pytest.fixture
def engine(monkeypatch) -> Callable[..., None]:
    """Has the warehouse be of an engine that can do other things than DuckDB: `engine(rehearse=..., expirations=None)`.

    It is a class of its own each time, since Python remembers of a class which protocols it fits.
    """

    def change(**abilities: object) -> None:
        other = type("Engine", (DuckDBWarehouse,), abilities)
        monkeypatch.setattr(
            warehouses,
            "open_warehouse",
            lambda pipeline, *rest: other(pipeline.inside(pipeline.warehouse.path)),
        )

    return change


def result(told: ShownReport, kind: str) -> Result:
    return next(each for each in told.results if each.kind == kind)


def finding(told: ShownReport, kind: str) -> Finding:
    """The worst that the check of a kind found."""
    worst = result(told, kind).worst
    assert worst
    return worst
