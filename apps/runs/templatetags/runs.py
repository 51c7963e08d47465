"""Filters of the run pages."""

from __future__ import annotations

from django import template

from apps.runs import words

register = template.Library()


@register.filter
def duration(seconds: float | None) -> str:
    """Seconds in words; empty where nothing was measured."""
    return "" if seconds is None else words.duration(seconds)


@register.filter
def short(table: str) -> str:
    """A table's name without its dataset."""
    return table.rpartition(".")[2]
