"""The timeline of a run as its page shows it, a line an event."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from apps.runs.models import Event

NUMBERS = re.compile(r"\d+")
STATE_OF_EVENT = {
    "launched": "queued",
    "gate": "paused",
    "canary": "queued",
    "override": "warning",
    "preflight": "warning",
    "lost": "warning",
    "commit": "warning",
    "worker stopped": "queued",
    "stalled": "warning",
    "orphaned job": "warning",
    "broke off": "warning",
    "failed steps": "failed",
    "first failure": "failed",
    "regression": "failed",
    "wrote beside": "warning",
    "made stale": "warning",
    "pause": "paused",
    "stop": "paused",
    "cancel": "cancelled",
}


def lines(events: Iterable[Event]) -> list[dict[str, Any]]:
    """Events as `components/_timeline.html` draws them."""
    return [
        {"at": event.at, "text": event.text, "who": event.by, "state": state_of(event)} for event in events
    ]


def state_of(event: Event) -> str:
    """The colour of an event. A table that ended is as good as its numbers."""
    if event.kind == "table":
        verified, total = NUMBERS.findall(event.text)[-2:]
        return "complete" if verified == total else "failed"
    return STATE_OF_EVENT.get(event.kind, event.kind)
