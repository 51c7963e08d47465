"""Every kind of check: the function that performs it, and how its answer is treated."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from apps import timing
from apps.runs.preflight.facts import Facts
from apps.runs.preflight.finding import Finding
from apps.runs.preflight.kinds import (
    calls,
    code,
    completeness,
    cost,
    dry_run,
    machine,
    mail,
    quota,
    warehouse,
)

MINUTE = 60


@dataclass(frozen=True)
class Kind:
    """`perform` is called with the check's definition and the facts; `valid_for` are the seconds for which its answer
    is good; `grace` those beside its timeout, for one that ends by itself what it called."""

    perform: Callable[[Any, Facts], Iterable[Finding]]
    asks_warehouse: bool = False
    valid_for: int = 15 * MINUTE
    grace: float = 0.0


KINDS = {
    "calendar": Kind(completeness.calendar, asks_warehouse=True),
    "command": Kind(calls.command, grace=timing.CHECK_GRACE),
    "commit": Kind(code.commit, valid_for=5 * MINUTE),
    "cost": Kind(cost.cost, asks_warehouse=True),
    "coverage": Kind(completeness.coverage, asks_warehouse=True),
    "credentials": Kind(warehouse.credentials, asks_warehouse=True),
    "dataset": Kind(warehouse.dataset, asks_warehouse=True),
    "disk": Kind(machine.disk),
    "dry_run": Kind(
        dry_run.dry_run, asks_warehouse=True, valid_for=24 * 60 * MINUTE, grace=timing.CHECK_GRACE
    ),
    "file": Kind(code.file, valid_for=5 * MINUTE),
    "http": Kind(calls.http),
    "lookback": Kind(completeness.lookback, asks_warehouse=True),
    "mail": Kind(mail.mail),
    "must_contain": Kind(code.must_contain, valid_for=5 * MINUTE),
    "overlap": Kind(machine.overlap, valid_for=MINUTE),
    "python": Kind(calls.python, grace=timing.CHECK_GRACE),
    "quota": Kind(quota.quota, asks_warehouse=True),
    "table": Kind(warehouse.table, asks_warehouse=True),
    "workers": Kind(machine.workers, valid_for=MINUTE),
}
