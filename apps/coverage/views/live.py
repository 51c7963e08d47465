"""Pieces of pages that refresh by themselves; nothing is sent where nothing changed."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

SECONDS_WHILE_ACTIVE = 3
SECONDS_AT_REST = 30
ID = "live"


@dataclass(frozen=True)
class Piece:
    """`html` is what the first page shows too; `beside` updates what stands elsewhere on it (hx-swap-oob)."""

    html: str
    beside: str
    version: str

    def answer(self, request: HttpRequest) -> HttpResponse:
        """What a refresh gets: the piece, or 204 where the browser has it already."""
        if request.GET.get("version") == self.version:
            return HttpResponse(status=204)
        return HttpResponse(self.html + self.beside)


def piece(
    template: str, context: dict[str, Any], *, request: HttpRequest, beside: str, is_active: bool
) -> Piece:
    """A template within an element that asks for it again, often while something is active."""
    inner = render_to_string(template, context)
    outer = render_to_string(beside, context | {"oob": True})
    version = blake2b(f"{is_active}{inner}{outer}".encode(), digest_size=8).hexdigest()
    query = request.GET.copy()
    query.pop("version", None)
    frame = {
        "id": ID,
        "inner": inner,
        "version": version,
        "every": SECONDS_WHILE_ACTIVE if is_active else SECONDS_AT_REST,
        "url": f"{request.path}?{query.urlencode()}" if query else request.path,
    }
    return Piece(render_to_string("coverage/_live.html", frame), outer, version)


def is_refresh(request: HttpRequest) -> bool:
    return request.headers.get("HX-Target") == ID
