"""The context of a worker that holds a lane: run, pipeline, heartbeat, and transactions fenced by the lease."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from django.db import transaction

from apps.db_retry import retry_on_db_outage
from apps.pipeline.definition import Pipeline
from apps.runs.engine.lease_heartbeat import LeaseHeartbeat
from apps.runs.models import Run, leases
from apps.runs.models.leases import LeaseLost


class LaneContext:
    """One lane of a run, for as long as its worker holds the lease."""

    def __init__(self, run: Run, pipeline: Pipeline, heartbeat: LeaseHeartbeat):
        self.run = run
        self.pipeline = pipeline
        self.heartbeat = heartbeat
        held = run.held_lanes.filter(lease=heartbeat.lease)
        self.number = held.values_list("number", flat=True).first() or 0

    @property
    def is_wanted(self) -> bool:
        """Whether the run still has a place for this lane, and no pause was requested."""
        return not self.run.request and self.number < self.run.lanes

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction in which only the holder of the lease writes; LeaseLost for any other worker."""
        with retry_on_db_outage(self._locked_transaction):
            yield

    def _locked_transaction(self) -> ExitStack:
        """An open transaction that has locked the run and renewed the lease."""
        with ExitStack() as stack:
            stack.enter_context(transaction.atomic())
            if not leases.holds(self.run, self.heartbeat.lease):
                raise LeaseLost
            return stack.pop_all()
