"""The heartbeat of a lease: renews it while a lane is held, and reads what is requested of the run meanwhile."""

from __future__ import annotations

import logging
import threading

from django.conf import settings
from django.db import Error, close_old_connections, connection
from django.db.models import QuerySet
from django.utils import timezone

from apps import timing
from apps.runs.models import Attempt, Lane, Run, leases
from apps.workers import stopping

log = logging.getLogger(__name__)


def note_stop(attempts: QuerySet[Attempt]) -> None:
    """Marks running attempts as stopped by the workers of this machine, so that it does not count as a death."""
    under_way = attempts.filter(status=Attempt.Status.RUNNING, stopped_by="")
    under_way.update(stopped_by=settings.WORKER_NAME)


class LeaseHeartbeat:
    """A context in which a thread of its own keeps the lease alive.

    `wanted` is what an operator requested ("" for nothing); `lost` is set when another worker has the lease.
    """

    def __init__(self, run_id: int, lease: str):
        self.run_id = run_id
        self.lease = lease
        self.lost = threading.Event()
        self.wanted = ""
        self._done = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"lease heartbeat of run {run_id}", daemon=True
        )

    def __enter__(self) -> LeaseHeartbeat:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._thread.join(timeout=30)

    def must_stop(self) -> bool:
        """Whether the call under way has to end now."""
        return self.stop_was_requested() or self.lost.is_set() or stopping.stop_requested()

    def stop_was_requested(self) -> bool:
        """Whether an operator requested the end of the call."""
        return self.wanted in (Run.Request.STOP, Run.Request.CANCEL)

    def _run(self) -> None:
        next_beat = 0.0
        waited = 0.0
        try:
            while not self._done.wait(timing.REQUESTS_READ_EVERY):
                waited += timing.REQUESTS_READ_EVERY
                try:
                    self._read_request()
                    if stopping.stop_requested():
                        self._note_stop()
                    if waited >= next_beat:
                        self._beat()
                        next_beat = waited + timing.LEASE_HEARTBEAT_EVERY
                except Error as error:
                    # A busy or restarting database is tried again; if it stays away, the lease expires.
                    log.warning("run %s: the heartbeat could not be written: %s", self.run_id, error)
                    close_old_connections()
        finally:
            if not self._done.is_set():
                self.lost.set()  # without a heartbeat another worker will take the lane: stop before that
            connection.close()

    def _read_request(self) -> None:
        held = Lane.objects.filter(run_id=self.run_id, lease=self.lease)
        request = held.values_list("run__request", flat=True).first()
        if request is None:
            self.lost.set()
            self._done.set()
        else:
            self.wanted = request

    def _note_stop(self) -> None:
        """Stores at once that the call ends because its worker has to stop: there may be no time for more."""
        note_stop(Attempt.objects.filter(run_id=self.run_id, lease=self.lease))

    def _beat(self) -> None:
        now = timezone.now()
        leases.renew(self.run_id, self.lease)
        attempts = Attempt.objects.filter(run_id=self.run_id, lease=self.lease, status=Attempt.Status.RUNNING)
        for attempt in attempts:
            said = attempt.last_output or attempt.started_at
            Attempt.objects.filter(pk=attempt.pk).update(heartbeat_at=now, output_at=said)
