"""What every page's frame shows: the pipeline's name and whether workers live."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from apps.pipeline import definition
from apps.workers.worker_status import worker_status


def console(request: HttpRequest) -> dict[str, Any]:
    frame: dict[str, Any] = {
        "pipeline_name": definition.current().name,
        "outbox_enabled": settings.OUTBOX_DIR is not None,
    }
    # A request that was refused at the door has no user: nobody asked yet who it is.
    if (user := getattr(request, "user", None)) and user.is_authenticated:
        # Asked when the page shows it: a view that knows it already says it in its own context.
        seen = cache(lambda: worker_status(timezone.now()))
        frame |= {name: partial(known, seen, name) for name in ("workers_alive", "workers_silent_for")}
    return frame


def known(seen: Callable[[], dict[str, object]], name: str) -> object:
    return seen()[name]
