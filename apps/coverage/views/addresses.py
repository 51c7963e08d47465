"""Names and dates in addresses: an unknown one is a 404."""

from __future__ import annotations

import datetime as dt

from django.http import Http404

from apps.pipeline.definition import Pipeline, UnknownName
from apps.pipeline.sections import Season, Table
from apps.pipeline.values import YEARS


def season_or_404(pipeline: Pipeline, name: str) -> Season:
    try:
        return pipeline.season(name)
    except UnknownName as unknown:
        raise Http404(str(unknown)) from None


def table_or_404(pipeline: Pipeline, name: str) -> Table:
    try:
        return pipeline.table(name)
    except UnknownName as unknown:
        raise Http404(str(unknown)) from None


def date_or_404(text: str) -> dt.date:
    try:
        date = dt.date.fromisoformat(text)
    except ValueError:
        raise Http404(f'"{text}" is not a date; write it like 2024-01-31.') from None
    if date.year not in YEARS:
        raise Http404(f"{date} is not a date of our time.")
    return date
