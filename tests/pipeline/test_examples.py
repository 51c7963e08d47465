"""docs/examples/: files that can be used, and that say of the reference pipeline what the demo's file says."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from apps.coverage.models import CalendarReading, Partition, Scan
from apps.coverage.scanning import full_scan, questions, warehouses
from apps.pipeline import definition
from apps.pipeline.definition import Pipeline
from apps.pipeline.files import scripts
from apps.warehouse.base import Question
from tests.conftest import day
from tests.standins.bigquery import StandIn

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "nba-bigquery.toml"
TEAMS = "nba_analytics.team_defense_game_summary"


@pytest.fixture
def example() -> Pipeline:
    return definition.read(EXAMPLE)


@pytest.fixture
def demo() -> Pipeline:
    return definition.read(ROOT / "demo" / "pipeline.toml")


# What it says -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["unit", "seasons", "phases", "needs"])
def test_the_example_and_the_demo_have_the_same_unit_seasons_phases_and_needs(example, demo, part):
    def of(pipeline: Pipeline) -> Any:
        return getattr(pipeline.calendar if part == "unit" else pipeline, part)

    assert of(example) == of(demo)


@pytest.mark.parametrize("key", sorted({*definition.Table.model_fields} - {"job", "parallel"}))
def test_the_example_and_the_demo_have_the_same_settings_for_every_table(example, demo, key):
    def of(pipeline: Pipeline) -> dict[str, Any]:
        return {table.name: getattr(table, key) for table in pipeline.tables}

    assert of(example) == of(demo)


def test_a_run_fills_the_ten_tables_in_the_order_of_the_demo(example, demo):
    assert [table.name for table in example.filled] == [table.name for table in demo.filled]
    assert len(example.filled) == 10


def test_the_demo_has_the_same_fourteen_checks(example, demo):
    assert [check.name for check in example.checks][:14] == [check.name for check in demo.checks]


def test_no_job_starts_the_next_phase_by_itself(example):
    for table in example.filled:
        wanted = {"--backfill-mode", *(["--skip-downstream-trigger"] if table.phase == "3" else [])}
        assert wanted <= {*table.job.command} and wanted <= {*table.job.must_contain}, table.name


@pytest.mark.django_db
def test_the_example_has_no_issues_if_its_scripts_exist(tmp_path, settings, capsys):
    path = tmp_path / EXAMPLE.name
    path.write_text(EXAMPLE.read_text())
    for table in definition.read(path).filled:
        for script in scripts(table.job.command):
            (tmp_path / script).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / script).touch()
    settings.PIPELINE = path

    call_command("check", tags=["pipeline"])

    assert "no issues" in capsys.readouterr().out


# What it asks: https://cloud.google.com/bigquery/docs/information-schema-partitions --------------------


@pytest.fixture
def server(example, monkeypatch) -> Iterator[StandIn]:
    """The stand-in with every table that the file names, and one night of one game."""
    with StandIn() as server:
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", server.url)
        monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
        for dataset in ("nba_raw", "nba_analytics", "nba_precompute", "nba_ops"):
            server.say(f"CREATE SCHEMA {dataset}")
        server.say("CREATE TABLE nba_raw.nbac_schedule (game_date DATE, game_status INT64)")
        server.say("INSERT INTO nba_raw.nbac_schedule VALUES ('2024-01-15', 3), ('2024-01-16', 1)")
        server.say(HISTORY)
        for table in example.tables:
            server.say(create(questions.question(table)))
        columns = "game_date, game_id, team, processed_at, used_fallback"
        for team in "AB":
            row = f"'2024-01-15', '1', '{team}', TIMESTAMP '2024-01-16 08:00:00', FALSE"
            server.say(f"INSERT INTO {TEAMS} ({columns}) VALUES ({row})")
        yield server


HISTORY = """
CREATE TABLE nba_ops.processor_run_history (processor_name STRING, data_date DATE, status STRING,
    started_at TIMESTAMP, duration_seconds FLOAT64, errors STRING)
"""


def create(asked: Question) -> str:
    types = {
        asked.date_column: "DATE",
        asked.quality_column: "FLOAT64",
        asked.written_column: "TIMESTAMP",
        asked.fallback_column: "BOOL",
    }
    columns = ", ".join(f"{column} {types.get(column, 'STRING')}" for column in asked.columns)
    return f"CREATE TABLE {asked.table} ({columns}) PARTITION BY {asked.date_column}"


@pytest.fixture
def scan(example, server, db) -> Callable[[], Scan]:
    def run() -> Scan:
        server.forget()
        row = Scan.objects.create()
        full_scan.scan(example, warehouses.open_warehouse(example), row)
        row.refresh_from_db()
        return row

    return run


def test_a_scan_of_the_example_has_no_problem(scan):
    assert scan().problem == ""
    found = Partition.objects.get(table=TEAMS, date=day("01-15"))
    assert (found.state, found.units, found.rows) == ("complete", 1, 2)


def test_a_scan_stores_the_days_that_are_not_final(first_scan):
    assert CalendarReading.objects.get().not_final == ["2024-01-16"]


def test_a_scan_makes_as_many_queries_as_documented(scan, server):
    first, second = scan(), scan()

    assert (first.queries, second.queries) == (7, 6)
    assert "seven queries" in (ROOT / "docs" / "bigquery.md").read_text()
