"""What a person ticks and types to have verified, turned into a scope or into a sentence about what is wrong."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import QueryDict

from apps.coverage.verification.scope import scope
from apps.pipeline.definition import Pipeline, UnknownName
from apps.pipeline.scope import DoesNotFit, Scope


class Names(forms.MultipleChoiceField):
    """Names of the pipeline file. A scope knows which there are, and says it better."""

    def valid_value(self, value: Any) -> bool:
        return True


def date(label: str) -> forms.DateField:
    attributes = {"type": "date", "class": "input-date", "aria-describedby": "date-errors"}
    return forms.DateField(
        label=label,
        required=False,
        input_formats=["%Y-%m-%d"],
        widget=forms.DateInput(format="%Y-%m-%d", attrs=attributes),
        error_messages={"invalid": "Write a date of the calendar, such as 2024-01-15."},
    )


class VerifyForm(forms.Form):
    """Names as in addresses: `table`, `phase` and `season` may be there several times; none means all."""

    phase = Names(required=False)
    table = Names(required=False)
    season = Names(required=False)
    start = date("First date")
    end = date("Last date")

    def __init__(self, values: QueryDict, pipeline: Pipeline):
        super().__init__(values)
        self.pipeline = pipeline
        self.values = values
        self.scope: Scope | None = None

    def clean(self) -> dict[str, Any]:
        names = self.cleaned_data
        if self.errors:
            return names
        try:
            self.scope = scope(
                self.pipeline,
                phases=names["phase"],
                tables=names["table"],
                seasons=names["season"],
                start=names["start"],
                end=names["end"],
            )
        except DoesNotFit as mistake:
            self.add_error("end" if mistake.about == "dates" else None, str(mistake))
        except UnknownName as mistake:
            self.add_error(None, str(mistake))
        return names

    @property
    def ticked(self) -> set[str]:
        """Tables, phases and seasons by name: what is ticked."""
        return {name for field in ("phase", "table", "season") for name in self.values.getlist(field)}
