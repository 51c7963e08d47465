"""Remedies of findings: commands that show the cause on this machine and change nothing."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from pathlib import Path

from apps import masking
from apps.pipeline.definition import Pipeline
from apps.pipeline.sections import DuckDB
from apps.runs.preflight.finding import Finding, Level
from apps.warehouse.sql import duckdb_sql

LOOK = "import duckdb; duckdb.connect({path!r}, read_only=True).sql({sql!r}).show(max_rows=1000)"


def add_remedy(finding: Finding, pipeline: Pipeline) -> Finding:
    """The finding of a check that asks the warehouse; where it has no remedy, with words that show what is there."""
    if finding.level not in (Level.FAILURE, Level.UNKNOWN) or finding.command or finding.link:
        return finding
    return replace(finding, command=list_tables(pipeline))


# The warehouse ----------------------------------------------------------------------------------------


def list_tables(pipeline: Pipeline, dataset: str = "") -> str:
    """Shows which tables are there; of BigQuery also whether it lets one in."""
    warehouse = pipeline.warehouse
    if isinstance(warehouse, DuckDB):
        return in_duckdb(pipeline.inside(warehouse.path), "SHOW ALL TABLES")
    # A dataset of another project is written with it.
    project, _, name = dataset.rpartition(".")
    place = f"{project or warehouse.project}:{name}"
    return shlex.join(["bq", "ls", "--max_results=1000", place])


def list_columns(pipeline: Pipeline, table: str) -> str:
    """Shows the columns of a table, or that there is no such table."""
    warehouse = pipeline.warehouse
    if isinstance(warehouse, DuckDB):
        path = pipeline.inside(warehouse.path)
        return in_duckdb(path, f"DESCRIBE {duckdb_sql.opened(table, path)}")
    *project, dataset, name = table.split(".")
    place = f"{'.'.join(project) or warehouse.project}:{dataset}.{name}"
    return shlex.join(["bq", "show", "--format=prettyjson", place])


def in_duckdb(path: Path, sql: str) -> str:
    if not path.is_file():
        return list_folder(path)
    return shlex.join([sys.executable, "-c", LOOK.format(path=str(path), sql=sql)])


# The disk ---------------------------------------------------------------------------------------------


def list_folder(path: Path) -> str:
    """Shows what is where the file should be: the nearest folder that is there."""
    folder = next(each for each in (path, *path.parents) if each.is_dir())
    return shlex.join(["ls", "-la", str(folder)])


def open_editor(path: Path, line: int = 1) -> str:
    """Opens the file where something is to be written."""
    return f"${{EDITOR:-vi}} +{line} {shlex.quote(str(path))}"


def list_largest(folder: Path) -> str:
    """Shows what takes the room."""
    return f"du -xm --max-depth=2 {shlex.quote(str(folder))} | sort -n | tail -20"


# What is called ---------------------------------------------------------------------------------------


def fetch(url: str, seconds: float) -> str:
    """Shows what the address answers; what may be secret in it is masked."""
    return shlex.join(["curl", "-i", "--max-time", f"{seconds:.0f}", masking.text(url)])


def import_module(program: str, cwd: Path, path: str, module: str) -> str:
    """Imports the module as the jobs do, so that its whole traceback is seen."""
    variables = f"PYTHONPATH={shlex.quote(path)} " if path else ""
    return f"cd {shlex.quote(str(cwd))} && {variables}{shlex.join([program, '-c', f'import {module}'])}"
