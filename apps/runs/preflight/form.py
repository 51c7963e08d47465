"""The form of a pre-flight: tables and dates by name, turned into a scope or into a sentence about what is wrong."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import QueryDict

from apps.pipeline import scope as scopes
from apps.pipeline.definition import Pipeline, UnknownName
from apps.pipeline.scope import DoesNotFit, Scope


class Names(forms.MultipleChoiceField):
    """Names of the pipeline file. The scope knows which there are, and says it better."""

    def valid_value(self, value: Any) -> bool:
        return True

    def clean(self, value: Any) -> list[str]:
        return [name for name in super().clean(value) if name]


class PreflightForm(forms.Form):
    """Names as in addresses; nothing named means everything."""

    phase = Names(required=False)
    table = Names(required=False)
    season = Names(required=False)
    start = forms.DateField(required=False, error_messages={"invalid": "Write a date such as 2024-01-15."})
    end = forms.DateField(required=False, error_messages={"invalid": "Write a date such as 2024-01-15."})
    quick = forms.BooleanField(required=False)

    def __init__(self, data: QueryDict, pipeline: Pipeline):
        super().__init__(data)
        self.pipeline = pipeline
        self.values = data
        self.scope: Scope | None = None

    def clean(self) -> dict[str, Any]:
        names = self.cleaned_data
        if not self.errors:
            try:
                self.scope = scopes.scope(
                    self.pipeline,
                    phases=names["phase"],
                    tables=names["table"],
                    seasons=names["season"],
                    start=names["start"],
                    end=names["end"],
                )
            except (UnknownName, DoesNotFit) as error:
                self.add_error(None, str(error))
        return names

    @property
    def sentences(self) -> list[str]:
        return [str(error) for errors in self.errors.values() for error in errors]

    @property
    def chosen(self) -> set[str]:
        """Phases, tables and seasons by name, as they were typed or ticked."""
        return {name for field in ("phase", "table", "season") for name in self.values.getlist(field)}
