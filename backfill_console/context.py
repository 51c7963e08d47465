"""What every page's frame shows: the pipeline's name and whether workers live."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from apps.pipeline import definition


def console(request: HttpRequest) -> dict[str, Any]:
    return {"pipeline_name": definition.current().name, "outbox_enabled": settings.OUTBOX_DIR is not None}
