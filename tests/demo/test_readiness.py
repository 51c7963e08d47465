"""Sources, verification and pre-flight of all of the demo: a kind of question is asked once, for all tables."""

from collections import Counter
from collections.abc import Iterator

import pytest

from apps.coverage.models import Scan
from apps.coverage.scanning import full_scan, warehouses
from apps.pipeline import definition
from benchmarks import readiness
from tests.demo.reference import DEMO

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def asked(demo, settings, monkeypatch) -> Iterator[dict[str, Counter]]:
    """For each report over 675 dates and 17 tables: the kinds of questions that reached the engine, and how often."""
    monkeypatch.setenv("DEMO_WAREHOUSE", str(demo.path))
    settings.PIPELINE = DEMO / "pipeline.toml"
    definition.load.cache_clear()
    pipeline = definition.current()
    full_scan.scan(pipeline, warehouses.open_warehouse(pipeline), Scan.objects.create())
    found = {}
    with readiness.counted() as statements:
        for name, work in readiness.reports(pipeline).items():
            del statements[:]
            work()
            found[name] = Counter(map(kind, statements))
    yield found
    definition.load.cache_clear()


def kind(sql: str) -> str:
    if sql.startswith("EXPLAIN"):
        return "planned, not performed"
    if "duckdb_tables" in sql:
        return "tables of the file"
    if "hash(t)" in sql:
        return "contents of all tables"
    if "QUALIFY" in sql:
        return "run history"
    if "UNION ALL" in sql:
        return "counts of all tables"
    return "not final" if "HAVING" in sql else "calendar"


def test_reports_do_not_query_per_table_or_season(asked):
    once = {"calendar": 1, "not final": 1, "counts of all tables": 1}

    assert asked["sources"] == asked["sources, with one off"] == asked["test windows"] == {}
    assert asked["verification"] == once | {"run history": 1}
    assert asked["pre-flight, quick"] == once
    # Before and after each of the two checks that perform dry runs, of eight jobs together; two more are SQL, of two
    # statements each.
    assert asked["pre-flight, with dry runs of jobs"] == once | {
        "counts of all tables": 1 + 2 * 2,
        "tables of the file": 2 * 2,
        "contents of all tables": 2 * 2,
        "planned, not performed": 2 * 2,
    }
