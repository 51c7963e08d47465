"""Runs as lines of a list: what, by whom, how far, how long."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Count

from apps.runs.models import Run, Step
from apps.runs.outcomes import Counts, counted
from apps.runs.words import between

PAUSED_FOR = {
    Run.Pause.GATE: "at a gate",
    Run.Pause.CANARY: "its canary is done",
    Run.Pause.FAILURES: "failures",
    Run.Pause.WAREHOUSE: "warehouse away",
    Run.Pause.DISK: "disk full",
}


@dataclass(frozen=True)
class RunLine(Counts):
    """A run with its steps counted by status."""

    run: Run
    took: str

    @property
    def label(self) -> str:
        return f"{self.verified:,} of {self.total:,} verified"

    @property
    def state_in_words(self) -> str:
        """ "paused: at a gate"; the bare status where nothing is to be added."""
        why = PAUSED_FOR.get(Run.Pause(self.run.pause)) if self.run.is_paused else None
        return (
            f"{self.run.get_status_display()}: {why}".lower()
            if why
            else self.run.get_status_display().lower()
        )

    @property
    def bar(self) -> list[dict[str, Any]]:
        """The bar, in thousandths, rounded down; what is left is its ground."""
        found, x = [], 0
        for state, number in self.segments[:-1]:
            width = 1000 * number // (self.total or 1)
            found.append({"state": state, "x": x, "width": width})
            x += width
        return [segment for segment in found if segment["width"]]

    @property
    def beside_failed(self) -> str:
        """What else is decided and not verified: "3 skipped, 2 cancelled"."""
        numbers = ((self.skipped, "skipped"), (self.cancelled, "cancelled"))
        return ", ".join(f"{number:,} {word}" for number, word in numbers if number)


def lines(runs: Iterable[Run], *, now: dt.datetime) -> list[RunLine]:
    """The runs with their counts, in one query more."""
    shown = list(runs)
    counts: dict[int, dict[str, int]] = defaultdict(dict)
    steps = Step.objects.filter(run__in=shown).order_by()
    for pk, status, number in steps.values_list("run_id", "status").annotate(Count("id")):
        counts[pk][status] = number
    return [
        RunLine(run=run, took=between(run.started_at, end_of(run, now)), **counted(counts[run.pk]))
        for run in shown
    ]


def end_of(run: Run, now: dt.datetime) -> dt.datetime | None:
    """Until when a run's duration counts; a resting one has none, for it includes the rest."""
    return run.finished_at or (now if run.is_active else None)


def counts_by_status() -> dict[str, int]:
    """Runs by status, for those that are not finished."""
    return dict(Run.objects.unfinished().order_by().values_list("status").annotate(Count("id")))
