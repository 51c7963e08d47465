"""Missing files of jobs, one sentence each."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from apps.pipeline.definition import Pipeline
from apps.pipeline.mistakes import in_one_line, shown
from apps.pipeline.sections import Job

SCRIPTS = (".py", ".sh")


def missing(pipeline: Pipeline) -> Iterator[str]:
    """Sentences about missing folders, scripts and SQL files of jobs."""
    for table in pipeline.tables:
        if table.job:
            yield from (
                in_one_line(f'table "{table.name}": {says}') for says in missing_of(pipeline, table.job)
            )


def missing_of(pipeline: Pipeline, job: Job) -> Iterator[str]:
    if job.sql:
        if not os.path.isfile(pipeline.inside(job.sql)):
            yield f"job.sql = {shown(job.sql)} is no file; add it, or correct the path from the file's folder"
        return
    folder = pipeline.inside(job.cwd)
    if not os.path.isdir(folder):
        yield f"job.cwd = {shown(job.cwd)} is no folder; add it, or correct the path from the file's folder"
        return
    for word in scripts(job.command):
        if not os.path.isfile(folder / word):
            yield f"job.command names {shown(word)}, which is no file in {folder}; add it there, or correct it"


def scripts(command: Iterable[str]) -> list[str]:
    """The words that are relative paths of scripts, from the job's folder. Programs in PATH are not checked."""
    program, *words = command
    first = [program] if "/" in program else []
    return [
        word for word in first + words if word.endswith(SCRIPTS) and word[0] not in "/-" and "{" not in word
    ]
