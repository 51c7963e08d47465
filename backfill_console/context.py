"""What every page's frame shows: the pipeline's name and whether workers live."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from apps.pipeline import definition
from apps.workers.beacon import beacon


def console(request: HttpRequest) -> dict[str, Any]:
    frame: dict[str, Any] = {
        "pipeline_name": definition.current().name,
        "outbox_enabled": settings.OUTBOX_DIR is not None,
    }
    # A request that was refused at the door has no user: nobody asked yet who it is.
    if (user := getattr(request, "user", None)) and user.is_authenticated:
        frame |= beacon(timezone.now())
    return frame
