"""Single dates and ranges, as a link names them and a person types them: "2024-01-02, 2024-01-05 to 2024-01-09"."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from urllib.parse import urlencode

from django import forms

from apps.text import Range, date_ranges, ranges

MOST = 60  # ranges in an address, of which a server takes 4,000 letters
EXAMPLE = "Write dates such as 2024-01-15, or 2024-01-15 to 2024-01-20, with commas between."


class DatesField(forms.CharField):
    """Ranges of dates, both ends included; empty where nothing was typed."""

    def __init__(self) -> None:
        super().__init__(label="Only these dates", required=False)

    def clean(self, value: str | None) -> tuple[Range, ...]:
        return parse(super().clean(value))


def parse(text: str) -> tuple[Range, ...]:
    """The ranges that are written there; ValidationError where one is no date, or there are too many."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    if len(words) > MOST:
        raise forms.ValidationError(f"{len(words):,} ranges are too many; write at most {MOST}.")
    try:
        found = tuple(parse_range(word) for word in words)
    except ValueError:
        raise forms.ValidationError(EXAMPLE) from None
    for first, last in found:
        if last < first:
            raise forms.ValidationError(f"The date {last} is before {first}; swap them.")
    return found


def parse_range(text: str) -> Range:
    first, _, last = (part.strip() for part in text.partition(" to "))
    return dt.date.fromisoformat(first), dt.date.fromisoformat(last or first)


def meet(found: Collection[Range], start: dt.date, end: dt.date) -> bool:
    """Whether any of the ranges has a day between these two."""
    return any(first <= end and start <= last for first, last in found)


def days(found: Iterable[Range], start: dt.date, end: dt.date) -> set[dt.date]:
    """The days of the ranges, those between these two."""
    return {
        max(first, start) + dt.timedelta(days=n)
        for first, last in found
        for n in range((min(last, end) - max(first, start)).days + 1)
    }


def query(table: str, dates: Collection[dt.date]) -> str:
    """The address parameters that name these dates of a table; with too many ranges, from the first to the last."""
    named = {"table": table, "start": str(min(dates)), "end": str(max(dates))}
    if 1 < len(ranges(dates)) <= MOST:
        named["dates"] = date_ranges(dates)
    return urlencode(named)


def first_of(dates: Collection[dt.date]) -> list[dt.date]:
    """The dates that a link can name, oldest first."""
    fit = ranges(dates)[:MOST]
    return [date for date in sorted(dates) if fit and date <= fit[-1][1]]
