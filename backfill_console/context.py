"""What every page's frame shows: the pipeline's name and whether workers live."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from apps.pipeline import definition
from apps.workers.models import Worker


def console(request: HttpRequest) -> dict[str, Any]:
    frame = {"pipeline_name": definition.current().name, "outbox_enabled": settings.OUTBOX_DIR is not None}
    if request.user.is_authenticated:
        now = timezone.now()
        frame["workers_alive"] = Worker.objects.alive(now).count()
        frame["workers_silent_for"] = None if frame["workers_alive"] else Worker.objects.silent_for(now)
    return frame
