"""What an operator submits with a verb: a reason, a number of lanes."""

from __future__ import annotations

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

from apps.runs.models import IllegalMove

LONGEST_REASON = 500


def reason_of(said: QueryDict) -> str:
    """The reason, on one line; empty if none was given. IllegalMove if it is too long."""
    reason = said.get("reason", "")
    try:
        return " ".join(forms.CharField(max_length=LONGEST_REASON, required=False).clean(reason).split())
    except ValidationError:
        raise IllegalMove(
            f"A reason is text of at most {LONGEST_REASON} characters; this one has "
            f"{len(reason):,}. Nothing was changed."
        ) from None


def lanes_of(said: QueryDict) -> int:
    """The number of lanes. IllegalMove if it is none."""
    try:
        return forms.IntegerField().clean(said.get("lanes"))
    except ValidationError:
        raise IllegalMove(
            "Give the number of lanes as a whole number, such as 2. Nothing was changed."
        ) from None
