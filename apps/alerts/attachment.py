"""The CSV of a mail: every step that failed or was skipped, a line each, safe to open in a spreadsheet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from apps import exports
from apps.coverage.models import Partition, shown
from apps.runs.models import Step

COLUMNS = ("table", "date", "state", "signature", "message", "attempts", "rows_before", "rows_after", "run")


def failures_csv(steps: Sequence[Step]) -> str:
    """Empty without steps: a mail without failures has no attachment."""
    if not steps:
        return ""
    return exports.csv_text(COLUMNS, map(cells, steps))


def cells(step: Step) -> Iterator[Any]:
    yield from (step.table, str(step.date), state(step))
    yield from (step.signature, step.message, step.attempts, step.rows_before, step.rows_after, step.run_id)


def state(step: Step) -> str:
    """As a cell of the heatmap shows it: thin and excess by name, "failed" where there is nothing, "redo failed" where
    there are the rows that were to be replaced."""
    if step.status == Step.Status.FAILED:
        mark = Step.activity_left(step.status, step.is_redo)
        return shown(step.state_after or Partition.State.MISSING, mark).replace("_", " ")
    return step.status
