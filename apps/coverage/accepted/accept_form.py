"""The form that accepts gaps: tables, dates and a reason, or sentences about what is wrong."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.http import QueryDict

from apps.coverage import date_lists
from apps.coverage.accepted.accepting import Acceptance, Outlook, outlook
from apps.coverage.date_lists import DatesField
from apps.pipeline import scope
from apps.pipeline.definition import Pipeline, UnknownName
from apps.pipeline.form_fields import NamesField, date_field
from apps.pipeline.scope import DoesNotFit
from apps.text import Range

LONGEST_REASON = 500


class CellsForm(forms.Form):
    """Which tables on which dates: enough to say how many gaps there are. `table` may be there several times."""

    table = NamesField(error_messages={"required": "Tick the tables whose gaps you accept."})
    start = date_field("First date", required=True)
    end = date_field("Last date", required=True)
    dates = DatesField()

    def __init__(self, values: QueryDict, pipeline: Pipeline, *, is_bound: bool = True):
        initial = {name: values.get(name) for name in ("start", "end", "dates")}
        super().__init__(values if is_bound else None, initial=initial)
        self.pipeline = pipeline
        self.values = values
        self.acceptance: Acceptance | None = None

    def clean(self) -> dict[str, Any]:
        said = self.cleaned_data
        if {"table", "start", "end", "dates"} <= said.keys():
            try:
                self.acceptance = self.find_acceptance(
                    said["table"], said["start"], said["end"], said["dates"]
                )
            except DoesNotFit as mistake:
                self.add_error("end", str(mistake))
            except UnknownName as mistake:
                self.add_error("table", str(mistake))
        return said

    def find_acceptance(
        self, tables: list[str], start: dt.date, end: dt.date, only: tuple[Range, ...]
    ) -> Acceptance:
        found = scope.scope(self.pipeline, tables=tables, start=start, end=end)
        if only and not date_lists.meet(only, start, end):
            raise DoesNotFit(f"None of the dates lies from {start} to {end}.", about="dates")
        return Acceptance(found.tables, start, end, only)

    @property
    def outlook(self) -> Outlook | None:
        """What accepting would do now; None while tables or dates are missing or wrong."""
        self.is_valid()
        return outlook(self.acceptance) if self.acceptance else None

    @property
    def ticked(self) -> set[str]:
        return set(self.values.getlist("table"))

    @property
    def mistakes(self) -> list[str]:
        """What is wrong with the fields that are filled in; an empty field is no mistake yet."""
        return [
            str(sentence)
            for name, found in self.errors.items()
            if self.values.get(name) or name == "__all__"
            for sentence in found
        ]


class AcceptForm(CellsForm):
    """Cells and a reason. `seen` is the number of gaps that the page showed."""

    reason = forms.CharField(
        label="Reason",
        max_length=LONGEST_REASON,
        widget=forms.Textarea(
            attrs={"rows": 2, "placeholder": "such as: the source lost these dates for good"}
        ),
        error_messages={
            "required": "Write why: who finds this gap later will ask.",
            "max_length": f"Write at most {LONGEST_REASON} characters.",
        },
    )
    until = date_field(
        "Until",
        help_text="The last day on which it stands. Empty: until it is withdrawn.",
    )
    seen = forms.IntegerField(required=False)

    def __init__(
        self, values: QueryDict, pipeline: Pipeline, *, today: dt.date, is_bound: bool = True
    ) -> None:
        super().__init__(values, pipeline, is_bound=is_bound)
        self.today = today

    def clean_until(self) -> dt.date | None:
        until: dt.date | None = self.cleaned_data["until"]
        if until and until < self.today:
            raise forms.ValidationError(f"{until} is past; write today or a later day, or leave it empty.")
        return until
