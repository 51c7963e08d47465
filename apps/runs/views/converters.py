"""What may stand in an address of runs; anything else is no such address."""

from __future__ import annotations

import datetime as dt

from django.urls.converters import IntConverter


class Number(IntConverter):
    """A run's or an attempt's number, of a size that databases know."""

    regex = "[1-9][0-9]{0,17}"


class Date:
    """2024-01-31; ValueError, which is a 404, for a day that no calendar has."""

    regex = "[0-9]{4}-[0-9]{2}-[0-9]{2}"

    def to_python(self, value: str) -> dt.date:
        return dt.date.fromisoformat(value)

    def to_url(self, value: dt.date | str) -> str:
        return str(value)
