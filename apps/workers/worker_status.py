"""The worker status of the top bar: how many workers are alive, or since when there is none."""

from __future__ import annotations

import datetime as dt

from django.db.models import Count, Max, Q

from apps import timing
from apps.text import elapsed

from .checks import clusters
from .models import Worker


def worker_status(now: dt.datetime) -> dict[str, object]:
    """workers_alive: how many have a heartbeat, 0 if a cluster has none; workers_silent_for: "6 min" or "".

    One cluster without a worker is enough to warn: its queued tasks do not start.
    """
    reporting = Count("pk", filter=Q(heartbeat_at__gt=now - timing.SILENT_AFTER, stopped_at=None))
    seen = {
        row["cluster"]: row
        for row in Worker.objects.order_by()
        .values("cluster")
        .annotate(alive=reporting, latest=Max("heartbeat_at"))
    }
    alive = [seen[name]["alive"] if name in seen else 0 for name, _ in clusters()]
    if all(alive):
        return {"workers_alive": sum(alive), "workers_silent_for": ""}
    heard = [seen[name]["latest"] for name, _ in clusters() if name in seen and not seen[name]["alive"]]
    return {"workers_alive": 0, "workers_silent_for": elapsed(now - min(heard)) if heard else ""}
