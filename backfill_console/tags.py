"""Tags that every template has."""

from __future__ import annotations

import datetime as dt

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
def moment(at: dt.datetime | None, style: str = "") -> SafeString | str:
    """A time that JavaScript makes local: as "12:04, 3 min ago", or by its style as "clock" or "ago" only.

    UTC without JavaScript. Ends without a space, so that a full stop may follow. Empty without a time.
    """
    if not at:
        return ""
    at = at.astimezone(dt.UTC)
    return format_html(
        '<time datetime="{}" data-relative="{}">{} UTC</time>',
        f"{at:%Y-%m-%dT%H:%M:%SZ}",
        style,
        f"{at.day} {at:%b %Y %H:%M}",
    )


@register.simple_block_tag
def line(content: str) -> str:
    """One line of a plain text, written on several lines of the template."""
    return " ".join(content.split())
