"""The worker beacon of the top bar: how many workers report, or for how long none has."""

from __future__ import annotations

import datetime as dt

from django.db.models import Count, Max, Q

from apps import timing

from .checks import clusters
from .models import Worker


def beacon(now: dt.datetime) -> dict[str, object]:
    """workers_alive: how many report, 0 when a cluster has none; workers_silent_for: "6 min" or "".

    One cluster without a worker is enough to warn: what is queued there does not start.
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
    return {"workers_alive": 0, "workers_silent_for": in_words(now - min(heard)) if heard else ""}


def in_words(span: dt.timedelta) -> str:
    """Such as "40 s", "6 min", "3 h", "2 days": one unit is enough to see how bad it is."""
    seconds = int(span.total_seconds())
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 7200:
        return f"{seconds // 60} min"
    if seconds < 172_800:
        return f"{seconds // 3600} h"
    return f"{seconds // 86_400} days"
