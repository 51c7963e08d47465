"""What the pages of verifications know of runs: the last one, to be verified."""

from __future__ import annotations

from urllib.parse import urlencode

from django import template
from django.db.models import Max, Min

from apps.runs.models import Run
from apps.runs.plans.presets import Preset
from apps.text import count

register = template.Library()


@register.simple_tag
def last_run_to_verify() -> Preset | None:
    """The dates and tables of the run that was launched last; None without one."""
    run = Run.objects.order_by("-pk").first()
    if run is None:
        return None
    dates = run.steps.aggregate(first=Min("date"), last=Max("date"))
    tables = run.steps.order_by().values_list("table", flat=True).distinct()
    named = [("table", table) for table in sorted(tables)]
    if not named:
        return None
    start, end = dates["first"].isoformat(), dates["last"].isoformat()
    note = f"{start} to {end}, {count(len(named), 'table')}"
    return Preset(f"Last run, {run.pk}", note, urlencode([*named, ("start", start), ("end", end)]))
