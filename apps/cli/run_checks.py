"""Whether the pipeline file hurts runs that are not finished yet: `manage.py check` names them, before a restart."""

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
    """A warning for each unfinished run with steps that the file cannot fill; none where no database answers."""
    try:
        pipeline = definition.current()
    except definition.PipelineError:
        return []  # another check says what is wrong with the file
    if not has_database():
        return []
    try:
        found = unfillable.by_run(pipeline)
    except DatabaseError:
        return []  # not there, not reachable, or not migrated yet: it is not the file's fault
    return [
        Warning(
            f"{run} ({run.title}, {run.status}): {unfillable.in_a_sentence(some)}.", hint=HINT, id="runs.W001"
        )
        for run, some in found.items()
    ]


def has_database() -> bool:
    """False where SQLite would make a new, empty file only because it was asked."""
    name = str(connection.settings_dict["NAME"])
    return connection.vendor != "sqlite" or "memory" in name or Path(name).exists()
