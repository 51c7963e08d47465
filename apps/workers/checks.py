"""System checks: settings under which a queue would lose, repeat or never perform its tasks."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from .models import LONGEST_NAME


@register("workers")
def check_clusters(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """`retry` of each cluster is longer than all tasks taken before can take."""
    return [
        Error(
            f"Cluster {name!r}: retry is {options['retry']}, so a task may be performed twice.",
            hint=f"retry counts from the moment a task is taken: make it more than timeout * (queue_limit + 2)"
            f" = {longest}.",
            id="workers.E001",
        )
        for name, options in clusters()
        if options["retry"] <= (longest := options["timeout"] * (options["queue_limit"] + 2))
    ]


@register("workers")
def check_cluster_name(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """A cluster with an unknown name would silently serve a queue that stays empty."""
    name = os.environ.get("Q_CLUSTER_NAME")
    known = [name for name, _ in clusters()]
    if not name or name in known:
        return []
    return [
        Error(
            f"Q_CLUSTER_NAME is {name!r}, which is no cluster of Q_CLUSTER.",
            hint=f"Known names: {', '.join(known)}.",
            id="workers.E002",
        )
    ]


@register("workers")
def check_worker_name(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """It becomes a part of queue names, and people read it."""
    if re.fullmatch(rf"[A-Za-z0-9._-]{{1,{LONGEST_NAME}}}", settings.WORKER_NAME):
        return []
    return [
        Error(
            f"WORKER_NAME is {settings.WORKER_NAME!r}, which cannot be a name of workers.",
            hint=f"Set WORKER_NAME to letters, digits, dots, dashes and underscores, {LONGEST_NAME} at most.",
            id="workers.E004",
        )
    ]


@register("workers")
def check_sqlite(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """Several processes write: with SQLite each must lock when its transaction begins."""
    return [
        Error(
            f"Database {alias!r}: SQLite without transaction_mode IMMEDIATE answers 'database is locked'.",
            hint='Add "transaction_mode": "IMMEDIATE" to its OPTIONS.',
            id="workers.E003",
        )
        for alias, database in settings.DATABASES.items()
        if database["ENGINE"].endswith("sqlite3")
        and database.get("OPTIONS", {}).get("transaction_mode") != "IMMEDIATE"
    ]


def clusters() -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, options) of each cluster of the settings, the default one first."""
    shared: dict[str, Any] = dict(settings.Q_CLUSTER)
    others: dict[str, dict[str, Any]] = shared.pop("ALT_CLUSTERS", {})
    yield shared["name"], shared
    for name, options in others.items():
        yield name, shared | options
