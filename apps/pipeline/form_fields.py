"""Form fields for tables, phases, seasons and dates."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import QueryDict

from apps.pipeline import scope
from apps.pipeline.definition import Pipeline, UnknownName
from apps.pipeline.scope import DoesNotFit, Scope

DATE = "Write a date of the calendar, such as 2024-01-15."


class NamesField(forms.MultipleChoiceField):
    """Names in the pipeline file, without empty ones. The scope validates them, with a better message."""

    def valid_value(self, value: Any) -> bool:
        return True

    def clean(self, value: Any) -> list[str]:
        return [name for name in super().clean(value) if name]


def date_field(
    label: str, *, required: bool = False, help_text: str = "", errors_id: str = ""
) -> forms.DateField:
    """A date field; `errors_id` is the id of the element with its errors."""
    attributes = {"type": "date", "class": "input-date"}
    if errors_id:
        attributes["aria-describedby"] = errors_id
    return forms.DateField(
        label=label,
        required=required,
        help_text=help_text,
        input_formats=["%Y-%m-%d"],
        widget=forms.DateInput(format="%Y-%m-%d", attrs=attributes),
        error_messages={"invalid": DATE, "required": f"Write the {label.lower()}, such as 2024-01-15."},
    )


class ScopeForm(forms.Form):
    """`table`, `phase` and `season` may be repeated; none means all.

    `scope` is the selection; None if the form is invalid.
    """

    phase = NamesField(required=False)
    table = NamesField(required=False)
    season = NamesField(required=False)
    start = date_field("First date", errors_id="date-errors")
    end = date_field("Last date", errors_id="date-errors")

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
            self.scope = self.find_scope(
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

    def find_scope(self, **names: Any) -> Scope:
        return scope.scope(self.pipeline, **names)

    @property
    def ticked(self) -> set[str]:
        """Tables, phases and seasons by name, as they were ticked or typed."""
        return {name for field in ("phase", "table", "season") for name in self.values.getlist(field)}

    @property
    def sentences(self) -> list[str]:
        """All errors."""
        return [str(error) for errors in self.errors.values() for error in errors]
