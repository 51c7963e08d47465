"""What left the calendar, said wherever a percentage is shown."""

from __future__ import annotations

from typing import Any

from django import template
from django.template import Context

from apps.coverage.calendar import removed_dates as removed

register = template.Library()


@register.inclusion_tag("coverage/_removed_dates.html", takes_context=True)
def removed_dates(context: Context) -> dict[str, Any]:
    """The open event as a banner, from the view where that asked already; nothing where there is none."""
    return {"removed": context["removed"] if "removed" in context else removed.open_now()}
