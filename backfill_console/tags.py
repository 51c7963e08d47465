"""Tags that every template knows."""

from __future__ import annotations

import datetime as dt

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
def moment(at: dt.datetime | None, style: str = "") -> SafeString | str:
    """A moment, which a script of ours makes local: as "12:04, 3 min ago", or by its style as "clock" or "ago" only.

    Reads as UTC without JavaScript. Ends without a space, so that a full stop may follow. Empty where there is none.
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
    """One line of a text, such as a plain mail, that is written over several."""
    return " ".join(content.split())
