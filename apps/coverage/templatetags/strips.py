"""Strips and their counts as markup, made once: most of a page's hundred rows are the same a moment later."""

from __future__ import annotations

from functools import lru_cache

from django import template
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from apps.coverage.counts.rollup import Tally
from apps.coverage.counts.strips import Strip, StripRow

register = template.Library()
KEPT = 512  # a strip is some kilobytes


@register.simple_tag
@lru_cache(maxsize=KEPT)
def strip(strip: Strip, label: str, kind: str = "") -> SafeString:
    """`label` is what a reader hears; `kind` may be "map" or "month"."""
    return render_to_string("components/_strip.html", {"strip": strip, "label": label, "kind": kind})


@register.simple_tag
@lru_cache(maxsize=KEPT)
def count(tally: Tally) -> SafeString:
    """Complete of expected."""
    return render_to_string("coverage/_count.html", {"tally": tally})


@register.simple_tag
def table_row(row: StripRow) -> SafeString:
    """A table over all seasons, with a link to its coverage."""
    return row_markup("overview/_table.html", row)


@register.simple_tag
def map_row(row: StripRow) -> SafeString:
    """A table in one season, as part of a map."""
    return row_markup("coverage/_map_row.html", row)


def row_markup(template: str, row: StripRow) -> SafeString:
    silence = row.silence.silence_in_words() if row.silence else ""
    return drawn(template, row.table.name, row.table.short_name, row.tally, row.strip, silence)


@lru_cache(maxsize=KEPT)
def drawn(template: str, table: str, name: str, tally: Tally, strip: Strip, silence: str) -> SafeString:
    """A row by what it shows: not by its table, of which it would take long to see that it is the same.

    With a `silence` it is faded, as what was known last.
    """
    label = "; ".join(filter(None, (f"{name}: {tally.in_words}", silence)))
    row = {"table": table, "name": name, "tally": tally, "strip": strip, "label": label, "silence": silence}
    return render_to_string(template, {"row": row})
