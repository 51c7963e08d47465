"""Leases on lanes: taken, booked for a task, renewed, handed over and released."""

from __future__ import annotations

import datetime as dt
import uuid

from django.utils import timezone

from apps import timing
from apps.runs.models.lane import Lane
from apps.runs.models.run import Run


class LeaseLost(Exception):
    """Somebody else performs this by now; nothing may be written any more."""


def take(run_id: int, *, ticket: str | None = None) -> str | None:
    """A lease on a lane of the run, for whoever gets here first; None if no lane is free.

    With a ticket, only its holder may take that lane: a task that was delivered twice finds it used.
    """
    run = Run.objects.active().filter(pk=run_id).first()
    if run is None:
        return None
    lease = uuid.uuid4().hex
    leases = [ticket] if ticket else [lane.lease for lane in available(run, timezone.now())]
    return lease if any(exchange(run_id, old, lease) for old in leases) else None


def book(run: Run) -> str | None:
    """A ticket for a free lane, for a task that will take it; None if no lane is free."""
    ticket = uuid.uuid4().hex
    found = any(exchange(run.pk, lane.lease, ticket) for lane in available(run, timezone.now()))
    return ticket if found else None


def available(run: Run, now: dt.datetime) -> list[Lane]:
    """The run's lanes that nobody holds. How many there are may have changed since the last look."""
    lanes = [Lane(run=run, number=number, lease=f"new {number}") for number in range(run.lanes)]
    if run.held_lanes.count() < run.lanes:
        Lane.objects.bulk_create(lanes, ignore_conflicts=True)
    return list(run.held_lanes.filter(number__lt=run.lanes).available(now))


def exchange(run_id: int, old: str, new: str) -> bool:
    """Puts a new lease in the place of an old one, and says whether nobody was quicker."""
    lane = Lane.objects.filter(run_id=run_id, lease=old)
    return bool(lane.update(lease=new, lease_until=timezone.now() + timing.LEASE))


def renew(run_id: int, lease: str) -> bool:
    """Keeps a lane for another while; False if it is somebody else's by now."""
    return exchange(run_id, lease, lease)


def renew_expired(lane: Lane) -> bool:
    """Keeps a lane as it was seen; False if its holder woke, or somebody else saw the same."""
    seen = Lane.objects.filter(pk=lane.pk, lease=lane.lease, lease_until=lane.lease_until)
    return bool(seen.update(lease_until=timezone.now() + timing.LEASE))


def holds(run: Run, lease: str) -> bool:
    """Whether the lease is still good, said in the transaction that is about to write.

    The run's row is locked first: what several lanes write of one run, they write one after the other.
    """
    Run.objects.select_for_update().filter(pk=run.pk).values_list("pk").first()
    return renew(run.pk, lease)


def release(run_id: int, lease: str) -> None:
    """The lane is free again."""
    Lane.objects.filter(run_id=run_id, lease=lease).update(lease=uuid.uuid4().hex, lease_until=None)


def expired(now: dt.datetime) -> list[Lane]:
    """Lanes of active runs whose holder gave no sign of life for too long, or whose task is late."""
    lanes = Lane.objects.exclude(lease_until=None).available(now).filter(run__in=Run.objects.active())
    return list(lanes.select_related("run"))


def runs_without_lease(now: dt.datetime) -> list[Run]:
    """Active runs of which no lane is held at all."""
    held = Lane.objects.exclude(lease_until=None).filter(run__in=Run.objects.active())
    return list(Run.objects.active().exclude(pk__in=held.values("run_id")))
