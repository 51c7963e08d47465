"""Start-up errors as one sentence: wrong settings, or a database without tables."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.exceptions import ImproperlyConfigured
from django.db import Error, OperationalError, ProgrammingError, connection
from django.db.migrations.executor import MigrationExecutor


@contextmanager
def or_one_sentence(*, exit_status: int = 1) -> Iterator[None]:
    """Ends the process with a sentence instead of a traceback if a person can fix the cause."""
    try:
        yield
    except ImproperlyConfigured as error:
        stop(str(error), exit_status)
    except (OperationalError, ProgrammingError):
        if problem := database_problem():
            stop(problem, exit_status)
        raise


def need_database() -> None:
    """ImproperlyConfigured if the database does not answer, or lacks tables."""
    try:
        if problem := database_problem():
            raise ImproperlyConfigured(problem)
    finally:
        connection.close()  # a server forks after this


def database_problem() -> str:
    """Why the console cannot use its database, and the remedy; empty if it can."""
    try:
        executor = MigrationExecutor(connection)
        behind = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except Error as error:
        said = " ".join(str(error).split())
        return f"The database does not answer ({said}): start it, or correct DATABASE_URL."
    if behind:
        return f"The database is not up to date ({len(behind)} migrations behind): run `manage.py migrate` first."
    return ""


def stop(sentence: str, exit_status: int) -> None:
    print(sentence, file=sys.stderr, flush=True)
    raise SystemExit(exit_status) from None
