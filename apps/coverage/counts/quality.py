"""Where a date's mean quality should lie, by the day of its season, and whether it does."""

from __future__ import annotations

import datetime as dt
import math

from apps.pipeline.sections import Season, Table

Band = tuple[float, float]

# A letter for each answer, for rows of dates. No value is no letter.
BELOW, WITHIN, ABOVE, NO_BAND = "<", "=", ">", "?"
WORDS = {
    BELOW: "below its band",
    WITHIN: "within its band",
    ABOVE: "above its band",
    NO_BAND: "no band to compare with",
}


def band(table: Table, season: Season, date: dt.date) -> Band | None:
    """The band that the pipeline file gives for the date's day of season; None before the first one."""
    begun = [
        each for each in (table.quality.bands if table.quality else ()) if each.from_day <= season.day(date)
    ]
    return max(begun, key=lambda each: each.from_day).between if begun else None


def against(value: float, expected: Band | None) -> str:
    if expected is None:
        return NO_BAND
    least, most = expected
    return BELOW if value < least else ABOVE if value > most else WITHIN


def value_against_band(value: float, expected: Band | None) -> str:
    """ "83.1, expected 85 to 95: below its band"."""
    if expected is None:
        return f"{value:.1f}"
    least, most = expected
    wanted = f"at least {least:g}" if math.isinf(most) else f"{least:g} to {most:g}"
    return f"{value:.1f}, expected {wanted}: {WORDS[against(value, expected)]}"
