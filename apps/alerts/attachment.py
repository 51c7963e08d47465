"""The CSV of a mail: every step that failed or was skipped, one per line, safe to open in a spreadsheet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from apps import exports
from apps.coverage.models import Partition, shown
from apps.runs.models import Step

COLUMNS = ("table", "date", "state", "signature", "message", "attempts", "rows_before", "rows_after", "run")


def failures_csv(steps: Sequence[Step]) -> str:
    """The CSV; empty without steps, since a mail without failures has no attachment."""
    if not steps:
        return ""
    return exports.csv_text(COLUMNS, map(cells, steps))


def cells(step: Step) -> Iterator[Any]:
    yield from (step.table, step.date, state(step), step.signature, step.message)
    yield from (step.attempts, step.rows_before, step.rows_after, step.run_id)


def state(step: Step) -> str:
    """The state as a cell of the heatmap shows it: thin and excess by name, "failed" without rows, "redo failed" where
    the old rows are still there."""
    if step.status == Step.Status.FAILED:
        mark = Step.activity_left(step.status, step.is_redo)
        return shown(step.state_after or Partition.State.MISSING, mark).replace("_", " ")
    return step.status
