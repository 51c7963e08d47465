"""Names and dates in addresses: an unknown one is a 404."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import TypeVar

from django.http import Http404

from apps.pipeline.definition import UnknownName
from apps.pipeline.values import YEARS

T = TypeVar("T")


def named_or_404(lookup: Callable[[str], T], name: str) -> T:
    """The table or season that this lookup of a pipeline finds."""
    try:
        return lookup(name)
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
