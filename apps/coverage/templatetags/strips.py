"""Strips and their counts as markup, made once: most of a page's hundred rows are the same a moment later."""

from __future__ import annotations

from functools import lru_cache

from django import template
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from apps.coverage.rollup import Tally
from apps.coverage.strips import Strip

register = template.Library()
KEPT = 512  # a strip is some kilobytes


@register.simple_tag
@lru_cache(maxsize=KEPT)
def strip(strip: Strip, label: str, kind: str = "") -> SafeString:
    """`label` is what a reader hears; `kind` may be "thin", "map" or "month"."""
    return render_to_string("components/_strip.html", {"strip": strip, "label": label, "kind": kind})


@register.simple_tag
@lru_cache(maxsize=KEPT)
def count(tally: Tally) -> SafeString:
    """Complete of expected."""
    return render_to_string("coverage/_count.html", {"tally": tally})
