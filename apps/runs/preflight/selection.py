"""Selects the checks for some tables and dates: those of the pipeline file, and the built-in ones."""

from __future__ import annotations

from collections.abc import Iterator

from apps.pipeline import check_kinds as kinds
from apps.pipeline.check_kinds import AboutTables, Check
from apps.pipeline.definition import Pipeline
from apps.pipeline.scope import Scope
from apps.pipeline.sections import Need
from apps.runs.preflight.facts import is_about

# They apply to every pipeline, unless its file has a check of the kind that says it better.
BUILT_IN: tuple[Check, ...] = (
    kinds.Credentials(name="The warehouse answers"),
    kinds.TableExists(name="Tables and their columns"),
    kinds.SeasonsHaveDates(name="Calendar"),
    kinds.CoverageAtLeast(name="Needs of the tables"),
    kinds.Lookback(name="Inputs and their lookback"),
    kinds.FileExists(name="Scripts of the jobs"),
    kinds.MustContain(name="Safety flags"),
    kinds.Imports(name="Imports of the jobs"),
    kinds.Overlap(name="Other runs"),
    kinds.Workers(name="Workers"),
    kinds.Disk(name="Disk"),
    kinds.Commit(name="Commit of the jobs", severity="warning"),
    kinds.Cost(name="Bytes to be billed", severity="warning"),
    kinds.Quota(name="Daily limits of the warehouse"),
    kinds.Mail(name="Mail", severity="warning"),
)
SLOW = "dry_run"  # what a quick pre-flight leaves out


def select_checks(pipeline: Pipeline, scope: Scope) -> tuple[list[Check], list[Check]]:
    """The checks to ask, those that a quick pre-flight skips among them; and those about other tables."""
    here: list[Check] = []
    elsewhere: list[Check] = []
    for check in (*pipeline.checks, *built_in(pipeline, scope)):
        is_elsewhere = isinstance(check, AboutTables) and not is_about(check, pipeline, scope)
        (elsewhere if is_elsewhere else here).append(check)
    return here, elsewhere


def built_in(pipeline: Pipeline, scope: Scope) -> Iterator[Check]:
    """The console's own checks, as far as there is anything that they could ask about."""
    known = {kind_of(check) for check in pipeline.checks}
    jobs = [table.job for table in scope.tables if table.job]
    subjects: dict[str, bool] = {
        "file": bool(jobs),
        "must_contain": any(job.must_contain for job in jobs),
        "python": any(job.command for job in jobs),
        "cost": pipeline.warehouse.is_metered and any(job.sql for job in jobs),
        "quota": pipeline.warehouse.is_metered and bool(jobs),
        "coverage": any(in_use(need, scope) for need in pipeline.needs),
    }
    for check in BUILT_IN:
        if kind_of(check) not in known and subjects.get(kind_of(check), True):
            yield check


def in_use(need: Need, scope: Scope) -> bool:
    return any(table.name in (*need.used_by, *need.sources) for table in scope.tables)


def kind_of(check: Check) -> str:
    return check.kind  # type: ignore[attr-defined]  # every kind of check has its own


def is_built_in(check: Check) -> bool:
    return any(check is each for each in BUILT_IN)
