"""Whether unfinished runs fit the pipeline file: `manage.py check` names those that do not, before a restart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.checks import CheckMessage, Warning, register
from django.db import DatabaseError, connection

from apps.pipeline import definition
from apps.runs.engine import unfillable

HINT = "Such a run pauses once its workers read this file. Finish or cancel it first, or mend the file."


@register("pipeline")
def unfinished_runs(**kwargs: Any) -> list[CheckMessage]:
    """A warning for each unfinished run with steps that the file cannot fill; none without a database."""
    try:
        pipeline = definition.current()
    except definition.PipelineError:
        return []  # another check says what is wrong with the file
    if not has_database():
        return []
    try:
        found = unfillable.by_run(pipeline)
    except DatabaseError:
        return []  # missing, unreachable, or not migrated yet: no mistake in the file
    return [
        Warning(
            f"{run} ({run.title}, {run.status}): {unfillable.in_a_sentence(some)}.", hint=HINT, id="runs.W001"
        )
        for run, some in found.items()
    ]


def has_database() -> bool:
    """False if a query would make SQLite create a new, empty file."""
    name = str(connection.settings_dict["NAME"])
    return connection.vendor != "sqlite" or "memory" in name or Path(name).exists()
