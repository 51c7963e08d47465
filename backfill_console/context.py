"""The context of every page: the pipeline's name and the worker status."""

from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from apps.pipeline import definition
from apps.workers.worker_status import worker_status


def console(request: HttpRequest) -> dict[str, Any]:
    context: dict[str, Any] = {
        "pipeline_name": definition.current().name,
        "outbox_enabled": settings.OUTBOX_DIR is not None,
    }
    # A request that a middleware refused has no user yet.
    if (user := getattr(request, "user", None)) and user.is_authenticated:
        # Queried when the page shows it; a view that has it already puts it into its own context.
        status = cache(lambda: worker_status(timezone.now()))
        context["workers_alive"] = lambda: status()["workers_alive"]
        context["workers_silent_for"] = lambda: status()["workers_silent_for"]
    return context
