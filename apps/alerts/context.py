"""The banner about mails that could not be sent, for every page."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from apps.alerts.models import Message


@dataclass(frozen=True)
class Undelivered:
    """How many, why the last of them failed, and when the next one is tried; None if no more tries are left."""

    count: int
    problem: str
    next_try_at: dt.datetime | None


def undelivered(request: HttpRequest) -> dict[str, Any]:
    """Queried only by a page that shows it, and only for users who are signed in."""
    user = getattr(request, "user", None)  # none if a middleware refused the request
    return {"undelivered": SimpleLazyObject(found) if user and user.is_authenticated else None}


def found() -> Undelivered | None:
    messages = list(Message.objects.undelivered().only("status", "problem", "next_try_at"))
    if not messages:
        return None
    tries = [message.next_try_at for message in messages if message.is_waiting]
    return Undelivered(len(messages), messages[0].problem, min(tries, default=None))
