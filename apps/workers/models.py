"""Workers: each process that serves has one row and renews it by its heartbeat."""

from __future__ import annotations

import datetime as dt

from django.db import models

from apps import timing

LONGEST_NAME = 60


class WorkerQuerySet(models.QuerySet["Worker"]):
    def alive(self, now: dt.datetime) -> WorkerQuerySet:
        """Workers with a recent heartbeat that have not stopped."""
        return self.filter(heartbeat_at__gt=now - timing.SILENT_AFTER, stopped_at=None)

    def forget_old(self, now: dt.datetime) -> int:
        """Delete the rows of workers without a heartbeat for a week; returns how many."""
        return self.filter(heartbeat_at__lt=now - timing.WORKER_FORGOTTEN_AFTER).delete()[0]


class Worker(models.Model):
    """A process that serves. `doing` is for people; `busy_since` is when its task began.

    launcher: the name under which its machine serves. cluster: its cluster, or `web`, or
    `launcher`; the row of a launcher has the launcher's name, so a name is unique.
    """

    LAUNCHER = "launcher"
    WEB = "web"

    name = models.CharField(max_length=200, unique=True)
    launcher = models.CharField(max_length=LONGEST_NAME, blank=True)
    cluster = models.CharField(max_length=100)
    host = models.CharField(max_length=200)
    pid = models.PositiveIntegerField()
    version = models.CharField(max_length=50, blank=True)
    started_at = models.DateTimeField()
    heartbeat_at = models.DateTimeField(db_index=True)
    busy_since = models.DateTimeField(null=True)
    doing = models.CharField(max_length=300, blank=True)
    stopped_at = models.DateTimeField(null=True)

    objects = WorkerQuerySet.as_manager()

    class Meta:
        ordering = ["cluster", "started_at"]

    def __str__(self) -> str:
        return self.name

    def is_alive(self, now: dt.datetime) -> bool:
        return self.stopped_at is None and self.heartbeat_at > now - timing.SILENT_AFTER

    @property
    def is_busy(self) -> bool:
        return self.busy_since is not None
