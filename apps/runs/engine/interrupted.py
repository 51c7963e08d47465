"""The dates of an interrupted call: they are unknown until they are read again."""

from __future__ import annotations

import logging

from apps.coverage.models import Partition
from apps.coverage.scanning import readings, snapshots, staleness, storing
from apps.coverage.scanning.snapshots import Snapshot
from apps.pipeline import definition
from apps.pipeline.definition import Pipeline
from apps.runs.models import Attempt
from apps.warehouse.base import Warehouse, WarehouseError

log = logging.getLogger(__name__)


def mark_dates_unknown(attempt: Attempt) -> None:
    """Makes the dates of the call unknown. To be called in the transaction that makes its steps pending again."""
    says = f"attempt {attempt.number} of run {attempt.run_id} was cut off, and the date was not read since"
    dates = Partition.objects.of([attempt.table]).filter(date__in=attempt.dates)
    dates.exclude(state=Partition.State.NOT_EXPECTED).update(
        state=Partition.State.UNKNOWN, read_state="", reason=says, **storing.NOTHING_FOUND
    )


def read_again(attempt: Attempt, warehouse: Warehouse, pipeline: Pipeline | None = None) -> Snapshot:
    """Reads the call's dates and stores what they have; they stay unknown where the warehouse cannot be asked."""
    known = pipeline or definition.current()
    if attempt.table not in known.by_name:
        return Snapshot()
    try:
        look = snapshots.take_snapshot(known, warehouse, {attempt.table: attempt.date_list})
    except WarehouseError as error:
        log.warning("run %s: what attempt %s left is not known: %s", attempt.run_id, attempt.number, error)
        return Snapshot()
    readings.store(look.found.values())
    staleness.mark(known)
    return look
