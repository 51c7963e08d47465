"""Leases on lanes: taken, booked for a task, renewed, handed over and released."""

from __future__ import annotations

import datetime as dt
import uuid

from django.utils import timezone

from apps import timing
from apps.runs.models.lane import Lane
from apps.runs.models.run import Run


class LeaseLost(Exception):
    """Another worker has the lane by now; nothing may be written any more."""


def take(run_id: int, *, ticket: str | None = None) -> str | None:
    """Takes a free lane of the run and returns the lease; None if no lane is free.

    With a ticket, only the lane that was booked with it: a task that is delivered twice finds it used.
    """
    run = Run.objects.active().filter(pk=run_id).first()
    if run is None:
        return None
    lease = uuid.uuid4().hex
    leases = [ticket] if ticket else [lane.lease for lane in available(run, timezone.now())]
    return lease if any(exchange(run_id, old, lease) for old in leases) else None


def book(run: Run) -> str | None:
    """Books a free lane for a task and returns the ticket; None if no lane is free."""
    ticket = uuid.uuid4().hex
    found = any(exchange(run.pk, lane.lease, ticket) for lane in available(run, timezone.now()))
    return ticket if found else None


def available(run: Run, now: dt.datetime) -> list[Lane]:
    """The free lanes of the run. Creates lanes if it may make more calls at once than before."""
    lanes = [Lane(run=run, number=number, lease=f"new {number}") for number in range(run.lanes)]
    if run.held_lanes.count() < run.lanes:
        Lane.objects.bulk_create(lanes, ignore_conflicts=True)
    return list(run.held_lanes.filter(number__lt=run.lanes).available(now))


def exchange(run_id: int, old: str, new: str) -> bool:
    """Replaces the old lease by the new one; False if the lane has another lease by now."""
    lane = Lane.objects.filter(run_id=run_id, lease=old)
    return bool(lane.update(lease=new, lease_until=timezone.now() + timing.LEASE))


def renew(run_id: int, lease: str) -> bool:
    """Renews the lease; False if another worker has the lane by now."""
    return exchange(run_id, lease, lease)


def renew_expired(lane: Lane) -> bool:
    """Renews the expired lease of a lane; False if it was renewed or replaced since it was read."""
    seen = Lane.objects.filter(pk=lane.pk, lease=lane.lease, lease_until=lane.lease_until)
    return bool(seen.update(lease_until=timezone.now() + timing.LEASE))


def holds(run: Run, lease: str) -> bool:
    """Renews the lease in the transaction that is about to write; False if another worker has the lane.

    The run's row is locked first: what several lanes write of one run, they write one after the other.
    """
    Run.objects.select_for_update().filter(pk=run.pk).values_list("pk").first()
    return renew(run.pk, lease)


def release(run_id: int, lease: str) -> None:
    """Makes the lane free again."""
    Lane.objects.filter(run_id=run_id, lease=lease).update(lease=uuid.uuid4().hex, lease_until=None)


def expired(now: dt.datetime) -> list[Lane]:
    """Lanes of active runs whose lease has expired."""
    lanes = Lane.objects.exclude(lease_until=None).available(now).filter(run__in=Run.objects.active())
    return list(lanes.select_related("run"))


def runs_without_lease(now: dt.datetime) -> list[Run]:
    """Active runs of which no lane is held at all."""
    held = Lane.objects.exclude(lease_until=None).filter(run__in=Run.objects.active())
    return list(Run.objects.active().exclude(pk__in=held.values("run_id")))
