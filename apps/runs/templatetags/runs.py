"""Filters of the run pages."""

from __future__ import annotations

import re
from itertools import zip_longest

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apps import text
from apps.pipeline import definition

register = template.Library()
register.filter("size", text.size)  # bytes in words
register.filter("short", definition.short_name)  # a table's name without its dataset
DATE = re.compile(r"(\d{4}-\d{2}-\d{2})")


@register.filter
def duration(seconds: float | None) -> str:
    """Seconds in words; empty if nothing was measured."""
    return "" if seconds is None else text.duration(seconds)


@register.filter
def whole_dates(text: object) -> SafeString:
    """The text with its dates in one piece: a line never breaks inside of 2024-02-10."""
    pieces = DATE.split(str(text))  # every second one is a date
    whole = (format_html('<span class="nowrap">{}</span>', date) for date in pieces[1::2])
    return format_html_join("", "{}{}", zip_longest(pieces[::2], whole, fillvalue=""))
