"""What an operator submits with a verb: a reason, a number of lanes."""

from __future__ import annotations

from django import forms
from django.http import QueryDict

from apps.runs.models import IllegalMove

LONGEST_REASON = 500


class Reason(forms.Form):
    reason = forms.CharField(max_length=LONGEST_REASON, required=False)


class Lanes(forms.Form):
    lanes = forms.IntegerField()


def reason_of(said: QueryDict) -> str:
    """The reason, on one line; empty if none was given. IllegalMove if it is too long."""
    form = Reason(said)
    if form.is_valid():
        return " ".join(form.cleaned_data["reason"].split())
    raise IllegalMove(
        f"A reason is text of at most {LONGEST_REASON} characters; this one has "
        f"{len(said.get('reason', '')):,}. Nothing was changed."
    )


def lanes_of(said: QueryDict) -> int:
    """The number of lanes. IllegalMove if it is none."""
    form = Lanes(said)
    if form.is_valid():
        return form.cleaned_data["lanes"]
    raise IllegalMove("Give the number of lanes as a whole number, such as 2. Nothing was changed.")
