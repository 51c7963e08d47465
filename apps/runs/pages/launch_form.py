"""The launch form: what a person ticks and types, turned into a selection or into sentences about what is wrong."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import QueryDict

from apps.coverage import date_lists
from apps.coverage.date_lists import DatesField
from apps.pipeline import filters
from apps.pipeline.definition import Pipeline
from apps.pipeline.form_fields import NamesField, date_field
from apps.pipeline.sections import Phase, Table
from apps.runs.failures import failure_groups, outside_console
from apps.runs.failures.open_failures import FailureFilter
from apps.runs.models import Run
from apps.runs.pages.option_fields import DEFAULT_OPTIONS, OptionsForm
from apps.runs.plans import planning, selections
from apps.runs.plans.plan import Plan
from apps.runs.plans.presets import AllGaps, Gaps
from apps.runs.plans.selections import PlanRefused, Selection


@dataclass(frozen=True)
class TableChoice:
    """A table to tick, with what it lacks."""

    table: Table
    is_ticked: bool
    gaps: Gaps


@dataclass(frozen=True)
class PhaseChoice:
    phase: Phase
    is_ticked: bool
    tables: tuple[TableChoice, ...]

    @property
    def gaps(self) -> Gaps:
        return sum((choice.gaps for choice in self.tables), Gaps())


class PlanForm(OptionsForm):
    """Names as in addresses: `table`, `phase` and `season` may be there several times.

    With `retry` (a run's number, "open" for all runs, "outside" for what failed outside the console) or `signature`
    it is about single partitions that failed.
    """

    phase = NamesField(required=False)
    table = NamesField(required=False)
    season = NamesField(required=False)
    start = date_field("First date", errors_id="date-errors")
    end = date_field("Last date", errors_id="date-errors")
    dates = DatesField()
    reprocess = forms.ChoiceField(choices=Run.Reprocess.choices)
    order = forms.ChoiceField(label="Order", choices=Run.Order.choices)
    note = forms.CharField(
        label="Why",
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Shown on the run and in its mails.",
    )
    retry = forms.CharField(required=False, max_length=20)
    unready = forms.CharField(
        label="Launch although it is not ready, because",
        required=False,
        max_length=500,
        help_text="The reason stays visible on the run.",
    )

    def __init__(self, data: QueryDict, pipeline: Pipeline):
        self.pipeline = pipeline
        values = data.copy()
        for name, default in DEFAULTS.items():
            if name not in values:
                values[name] = default
        super().__init__(values)
        self.limit_lanes(pipeline)
        self.values = values
        self.selection: Selection | None = None
        self.retry_of: Run | None = None

    @classmethod
    def of_link(cls, values: QueryDict, pipeline: Pipeline) -> PlanForm:
        """The form as a link of another page wants it: one that names dates alone means all tables."""
        asked = values.copy()
        names_dates = any(asked.get(name) for name in ("start", "end", "dates", "season"))
        if names_dates and "order" not in asked and not any(name in asked for name in (*TABLES, *RETRY)):
            asked.setlist("phase", [phase.name for phase in fillable(pipeline)])
        return cls(asked, pipeline)

    # What was asked for ---------------------------------------------------------------------------

    @property
    def is_retry(self) -> bool:
        return any(self.values.get(name) for name in RETRY)

    @property
    def names_nothing(self) -> bool:
        return not self.is_retry and not any(self.values.get(name) for name in TABLES)

    def clean(self) -> dict[str, Any]:
        self.clean_options(self.pipeline)
        if not self.errors and not self.names_nothing:
            try:
                self.selection = self.retried() if self.is_retry else self.selected()
            except PlanRefused as refusal:
                self.add_error("end" if refusal.about == "dates" else None, str(refusal))
        return self.cleaned_data

    def selected(self) -> Selection:
        names = self.cleaned_data
        return selections.select(
            self.pipeline,
            phases=names["phase"],
            tables=names["table"],
            seasons=names["season"],
            start=names["start"],
            end=names["end"],
            dates=self.single_dates(),
            **self.how,
        )

    def single_dates(self) -> set[dt.date]:
        """The days that were asked for one by one; none if all between the first and the last were."""
        only = self.cleaned_data["dates"]
        found = date_lists.days(only, self.pipeline.start, self.pipeline.end)
        if only and not found:
            raise PlanRefused("None of the dates lies in a season.", about="dates")
        return found

    def retried(self) -> Selection:
        how = self.how | {"reprocess": Run.Reprocess.FAILED}  # else it would leave out what it is about
        return selections.select_partitions(self.pipeline, self.failed_partitions(), **how)

    @property
    def how(self) -> dict[str, Any]:
        how = {name: self.cleaned_data[name] for name in ("reprocess", "order", "batch")}
        return how | {"through_gaps": bool(self.cleaned_data.get("override", "").strip())}

    def failed_partitions(self) -> list[tuple[str, dt.date]]:
        asked = self.cleaned_data["retry"]
        if self.is_outside:
            return self.failed_outside()
        if asked in ("", "open"):
            return FailureFilter.of(self.values, self.pipeline).partitions()
        self.retry_of = Run.objects.filter(pk=asked).first() if asked.isdecimal() else None
        if self.retry_of is None:
            raise PlanRefused(f'There is no run "{asked}".')
        found = failure_groups.to_retry(self.retry_of, self.signatures)
        if not found:
            raise PlanRefused(f"Run {asked} has no failures to retry.")
        return found

    def failed_outside(self) -> list[tuple[str, dt.date]]:
        found = outside_console.partitions(self.pipeline, FailureFilter.of(self.values, self.pipeline))
        if not found:
            raise PlanRefused("As far as is known, none of what failed outside the console is still open.")
        return found

    @property
    def is_outside(self) -> bool:
        """Whether it is about what failed in a terminal."""
        return self.values.get("retry") == "outside"

    @property
    def signatures(self) -> list[str]:
        return self.values.getlist("signature")

    def plan(self) -> Plan | None:
        """The plan; None if the form names nothing to plan, or something is wrong with it."""
        if not self.is_valid() or self.selection is None:
            return None
        return planning.plan(self.pipeline, self.selection)

    # What the page draws --------------------------------------------------------------------------

    def tree(self, gaps: AllGaps) -> list[PhaseChoice]:
        """The tables to tick, by phase. A phase is ticked while all of its tables are."""
        return [self.phase_choice(phase, gaps) for phase in fillable(self.pipeline)]

    def phase_choice(self, phase: Phase, gaps: AllGaps) -> PhaseChoice:
        tables = [table for table in self.pipeline.tables_of(phase.name) if table.job]
        ticked = self.ticked_of(phase, tables)
        choices = tuple(TableChoice(table, table.name in ticked, gaps.of([table])) for table in tables)
        return PhaseChoice(phase, len(ticked) == len(tables), choices)

    def ticked_of(self, phase: Phase, tables: list[Table]) -> set[str]:
        """The named ones; all of them where only their phase is named."""
        names = {table.name for table in tables}
        named = {filters.known(self.pipeline.table, name) for name in self.values.getlist("table")}
        phases = {filters.known(self.pipeline.phase, name) for name in self.values.getlist("phase")}
        return names & named or (names if phase.name in phases else set())

    @property
    def ticked_seasons(self) -> list[str]:
        return self.values.getlist("season")

    @property
    def pinned(self) -> list[tuple[str, str]]:
        """What a retry is about, as hidden fields."""
        names = (*RETRY, *TABLES, "season", "class")
        return [(name, value) for name in names for value in self.values.getlist(name) if value]


TABLES = ("phase", "table")
RETRY = ("retry", "signature")
DEFAULTS = {"reprocess": Run.Reprocess.FAILED, "order": Run.Order.OLDEST} | DEFAULT_OPTIONS


def fillable(pipeline: Pipeline) -> list[Phase]:
    """The phases that have jobs."""
    return [phase for phase in pipeline.phases if any(table.job for table in pipeline.tables_of(phase.name))]
