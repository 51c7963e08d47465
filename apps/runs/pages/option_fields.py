"""The part of the launch form that says how a run is performed: batches, lanes, canary, stop rules, override."""

from __future__ import annotations

from django import forms

from apps.pipeline.definition import Pipeline
from apps.pipeline.sections import MOST_LANES
from apps.runs.models import Run
from apps.runs.plans import options
from apps.runs.plans.options import MOST_CANARY_DATES, Options
from apps.runs.plans.selections import PlanRefused

MOST_FAILURES = 1000
MOST_DATES = 1000
AUTOMATIC = "auto"
WHOLE_NUMBER = "Write a whole number, such as 7."


def number(
    label: str, *, least: int = 1, most: int, help_text: str, placeholder: str = ""
) -> forms.IntegerField:
    return forms.IntegerField(
        label=label,
        required=False,
        min_value=least,
        max_value=most,
        help_text=help_text,
        widget=forms.NumberInput(attrs={"placeholder": placeholder} if placeholder else None),
        error_messages={
            "invalid": WHOLE_NUMBER,
            "min_value": f"Write a number from {least} on.",
            "max_value": f"{most:,} is the most.",
        },
    )


class Batch(forms.Field):
    """A number of dates, "auto", or nothing for what the pipeline file says."""

    def to_python(self, value: str | None) -> int | None:
        text = (value or "").strip().lower()
        if not text:
            return None
        if text in (AUTOMATIC, "automatic"):
            return Run.AUTO
        if not text.isdecimal() or not 1 <= int(text) <= MOST_DATES:
            raise forms.ValidationError(f"Write a number from 1 to {MOST_DATES:,}, or {AUTOMATIC}.")
        return int(text)


class OptionsForm(forms.Form):
    """How a run is performed; every field has a default."""

    batch = Batch(
        label="Dates a call",
        required=False,
        help_text="Empty: as in the pipeline file. auto: calls of a minute or two.",
        widget=forms.TextInput(attrs={"placeholder": "as set", "autocomplete": "off"}),
    )
    lanes = number("Calls at once", most=MOST_LANES, help_text="Lanes of the run.")
    canary = number(
        "Canary",
        least=0,
        most=MOST_CANARY_DATES,
        help_text="So many dates first; then it waits for a release.",
        placeholder="no dates",
    )
    stop_after = number(
        "Pause after failures",
        most=MOST_FAILURES,
        help_text="So many in a row that say the same; or three times as many of any kind.",
    )
    stop_at = number(
        "or at failed steps, in %", least=0, most=100, help_text="Of the last 20 steps. 0: never."
    )
    override = forms.CharField(
        label="Start although inputs are missing, because",
        required=False,
        max_length=500,
        help_text="Overrides the gates. The reason stays visible on the run and on what it fills.",
        widget=forms.TextInput(attrs={"placeholder": "leave empty to respect the gates"}),
    )

    def limit_lanes(self, pipeline: Pipeline) -> None:
        """Says how many lanes there can be, and why."""
        field = self.fields["lanes"]
        field.help_text = options.why_so_many(pipeline)
        field.widget.attrs["max"] = pipeline.warehouse.most_lanes

    def clean_options(self, pipeline: Pipeline) -> None:
        """Checks what one field alone cannot know."""
        try:
            options.check(self.options, pipeline)
        except PlanRefused as refusal:
            self.add_error("lanes", str(refusal))

    @property
    def opens_options(self) -> bool:
        """Whether something in the folded part is not as it was, or wrong."""
        return any(
            name in self.errors or str(self.data.get(name, "")) != DEFAULT_OPTIONS.get(name, "")
            for name in FOLDED
        )

    @property
    def options(self) -> Options:
        said = self.cleaned_data
        return Options(
            lanes=said.get("lanes") or 1,
            canary=said.get("canary") or 0,
            stop_after_failures=said.get("stop_after") or Options.stop_after_failures,
            stop_at_percent=Options.stop_at_percent if said.get("stop_at") is None else said["stop_at"],
            override=said.get("override", "").strip(),
        )


DEFAULT_OPTIONS = {
    "lanes": "1",
    "stop_after": str(Options.stop_after_failures),
    "stop_at": str(Options.stop_at_percent),
}
FOLDED = ("lanes", "canary", "stop_after", "stop_at", "override")
