"""A lane: the right to make one call of a run at a time, held on a lease by one worker."""

from __future__ import annotations

import datetime as dt

from django.db import models

from apps import timing
from apps.runs.models.run import Run


class LaneQuerySet(models.QuerySet["Lane"]):
    def held(self, now: dt.datetime) -> LaneQuerySet:
        """Lanes with a lease, of a worker or of a task that is queued.

        No lease is longer than LEASE: one that seems to be was written before the clock was set back.
        """
        return self.filter(lease_until__gt=now, lease_until__lte=now + 2 * timing.LEASE)

    def available(self, now: dt.datetime) -> LaneQuerySet:
        return self.exclude(pk__in=self.model.objects.held(now).values("pk"))


class Lane(models.Model):
    """The lanes of a run are numbered from 0; a run has as many as it may make calls at once."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="held_lanes")
    number = models.PositiveIntegerField()
    lease = models.CharField(max_length=64, help_text="Who holds it, or the ticket of a task in the queue.")
    lease_until = models.DateTimeField(null=True)

    objects = LaneQuerySet.as_manager()

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["run", "number"], name="one_lane_a_number_and_run")]

    def __str__(self) -> str:
        return f"Lane {self.number} of run {self.run_id}"
