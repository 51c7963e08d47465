"""Runs as lines of a list: what, by whom, how far, how long."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count

from apps.runs.models import Run
from apps.runs.results import outcomes
from apps.runs.results.outcomes import Counts
from apps.text import between

PAUSED_FOR = {
    Run.PauseReason.GATE: "at a gate",
    Run.PauseReason.CANARY: "for a release",
    Run.PauseReason.FAILURES: "failures",
    Run.PauseReason.WAREHOUSE: "warehouse away",
    Run.PauseReason.DISK: "disk full",
    Run.PauseReason.QUOTA: "quota used up",
    Run.PauseReason.PREFLIGHT: "not ready",
    Run.PauseReason.RUN: "for another run",
    Run.PauseReason.PIPELINE: "pipeline file changed",
}


# For a person's word or another run, which was to be expected.
WAITING = (Run.PauseReason.GATE, Run.PauseReason.CANARY, Run.PauseReason.RUN)


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
        """ "waiting at a gate", "paused: failures"; the bare status where nothing is to be added."""
        status = self.run.get_status_display().lower()
        if not self.run.is_paused or self.run.pause_reason not in PAUSED_FOR:
            return status
        why = PAUSED_FOR[Run.PauseReason(self.run.pause_reason)]
        return f"waiting {why}" if self.run.pause_reason in WAITING else f"{status}: {why}"

    @property
    def also_decided(self) -> str:
        """ "3 skipped, 2 cancelled"; empty if there are none."""
        numbers = ((self.skipped, "skipped"), (self.cancelled, "cancelled"))
        return ", ".join(f"{number:,} {word}" for number, word in numbers if number)


def lines(runs: Iterable[Run], *, now: dt.datetime) -> list[RunLine]:
    """The runs with their counts, in one query more."""
    shown = list(runs)
    counts = outcomes.of_runs(shown)
    # A paused run has no duration yet, since pauses do not count.
    ends = {run.pk: run.finished_at or (now if run.is_active else None) for run in shown}
    return [
        RunLine(run=run, took=between(run.started_at, ends[run.pk]), **vars(counts[run.pk])) for run in shown
    ]


def counts_by_status() -> dict[str, int]:
    """Runs by status, for those that are not finished."""
    return dict(Run.objects.unfinished().order_by().values_list("status").annotate(Count("id")))
