"""The queue in the database, as a cluster serves it: what anybody may perform, and what is asked of its machine."""

from __future__ import annotations

import datetime as dt
import time

from django.conf import settings
from django.utils import timezone
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from django_q.models import OrmQ

WAITING = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)  # the moment of a task that nobody has taken


def own_queue(cluster: str) -> str:
    """The queue that only this machine's cluster serves. A ping there is not answered by another machine's."""
    return f"{cluster}@{settings.WORKER_NAME}"


class Broker(ORM):
    """django-q2's, but oldest first, and with the machine's own queue beside the common one."""

    def enqueue(self, task: str) -> int:
        """Not with the time of day: after the clock was set back an hour, nobody would take it for that hour."""
        key = self.list_key or Conf.CLUSTER_NAME
        return self.get_connection().create(key=key, payload=task, lock=WAITING).pk

    def dequeue(self) -> list[tuple[int, str]]:
        keys = (self.list_key, own_queue(self.list_key))
        waiting = self.get_connection().filter(key__in=keys, lock__lt=timezone.now()).order_by("lock", "pk")
        found = list(waiting[: Conf.BULK])
        if not found:
            time.sleep(Conf.POLL)
        return [(row.pk, row.payload) for row in found if self._take(row)]

    def _take(self, row: OrmQ) -> bool:
        """Compare and set: of several clusters that have seen the row, one gets it."""
        unchanged = self.get_connection().filter(pk=row.pk, lock=row.lock)
        return bool(unchanged.update(lock=self.timeout(row)))
