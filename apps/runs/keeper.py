"""Holds a run while it is performed: renews the lease, and notices what people ask of it meanwhile."""

from __future__ import annotations

import datetime as dt
import logging
import threading
import uuid

from django.db import Error, close_old_connections, connection
from django.utils import timezone

from apps.runs.models import Attempt, Run

log = logging.getLogger(__name__)

LEASE = dt.timedelta(seconds=20)  # without a beat for so long, a run is nobody's
BEAT = 5.0  # seconds between two renewals
LOOK = 0.5  # seconds between two looks at what people ask for


def take(run_id: int, *, ticket: str | None = None) -> str | None:
    """A lease on the run, for whoever gets here first; None where somebody else did.

    With a ticket, only its holder may take it: a task that was delivered twice finds it used.
    """
    now = timezone.now()
    lease = uuid.uuid4().hex
    free = Run.objects.active().filter(pk=run_id)
    free = free.filter(lease=ticket) if ticket else free.without_a_sign_of_life(now)
    return lease if free.update(lease=lease, lease_until=now + LEASE) else None


def holds(run: Run, lease: str) -> bool:
    """Whether the lease is still good, said in the transaction that is about to write.

    The update locks the run's row, so nobody takes the run between this answer and the write.
    """
    return bool(Run.objects.filter(pk=run.pk, lease=lease).update(lease_until=timezone.now() + LEASE))


class Keeper:
    """A context in which a thread of its own keeps the lease alive.

    `wanted` is what a person asks for ("" for nothing); `lost` is set when the lease is somebody else's.
    """

    def __init__(self, run_id: int, lease: str):
        self.run_id = run_id
        self.lease = lease
        self.lost = threading.Event()
        self.wanted = ""
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"keeper of run {run_id}", daemon=True)

    def __enter__(self) -> Keeper:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._thread.join(timeout=30)

    def must_stop(self) -> bool:
        """Whether the call under way has to end now."""
        return self.lost.is_set() or self.wanted in (Run.Request.STOP, Run.Request.CANCEL)

    def _keep(self) -> None:
        next_beat = 0.0
        waited = 0.0
        try:
            while not self._done.wait(LOOK):
                waited += LOOK
                try:
                    self._look()
                    if waited >= next_beat:
                        self._beat()
                        next_beat = waited + BEAT
                except Error as error:
                    # A busy or restarting database is asked again; if it stays away, the lease runs out by itself.
                    log.warning("run %s: the beat could not be written: %s", self.run_id, error)
                    close_old_connections()
        finally:
            if not self._done.is_set():
                self.lost.set()  # without a beat the run will be somebody else's: stop before that
            connection.close()

    def _look(self) -> None:
        found = Run.objects.filter(pk=self.run_id).values_list("request", "lease").first()
        if found is None or found[1] != self.lease:
            self.lost.set()
            self._done.set()
        else:
            self.wanted = found[0]

    def _beat(self) -> None:
        now = timezone.now()
        Run.objects.filter(pk=self.run_id, lease=self.lease).update(lease_until=now + LEASE)
        Attempt.objects.filter(run_id=self.run_id, lease=self.lease, status=Attempt.Status.RUNNING).update(
            beat_at=now
        )
