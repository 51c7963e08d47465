"""The facts of a mail about a run, for its two templates, cut to a readable length."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from django.conf import settings
from django.urls import reverse

from apps.alerts import attachment, lines
from apps.alerts.changes import Change, changes
from apps.alerts.lines import Cut, Line
from apps.coverage.calendar import removed_dates
from apps.coverage.calendar.removed_dates import RemovedDates
from apps.coverage.counts import rollup
from apps.coverage.models import CalendarDate, Partition
from apps.pipeline import definition
from apps.runs.dependencies import gates
from apps.runs.dependencies.gates import Need
from apps.runs.estimates import billing, progress
from apps.runs.estimates.progress import Progress
from apps.runs.failures import failure_groups
from apps.runs.models import Event, Run, Step
from apps.runs.results import discrepancies, outcomes, redos
from apps.runs.results.redos import Rework
from apps.text import between, successor

# Kinds of events about trouble in a run that continues.
STALLED = "stalled"  # no output and no finished step for long
FIRST_FAILURE = "first failure"  # the first failure with its signature

# The word for a pause: the run waits, or was stopped.
STATES = {
    Run.PauseReason.GATE: "waiting",
    Run.PauseReason.CANARY: "waiting",
    Run.PauseReason.FAILURES: "stopped",
    Run.PauseReason.WAREHOUSE: "waiting",
    Run.PauseReason.DISK: "waiting",
    Run.PauseReason.QUOTA: "waiting",
    Run.PauseReason.PREFLIGHT: "waiting",
    Run.PauseReason.RUN: "waiting",
    Run.PauseReason.PIPELINE: "stopped",
}
RETRYING = (Run.PauseReason.WAREHOUSE, Run.PauseReason.DISK, Run.PauseReason.QUOTA)
WHAT_NOW = {
    Run.PauseReason.GATE: "It goes on when a person starts phase {phase} on the run's page.",
    Run.PauseReason.CANARY: "Look at what the canary filled; the other dates follow when a person releases them.",
    Run.PauseReason.FAILURES: "It goes on when a person resumes it; what failed so far stays failed until a retry.",
    Run.PauseReason.RUN: "It goes on by itself when the other run is done with these dates.",
    Run.PauseReason.PIPELINE: "Nothing was skipped. It goes on when a person resumes it after the file was mended.",
    **dict.fromkeys((*RETRYING, Run.PauseReason.PREFLIGHT), "It goes on when a person resumes it."),
}
LONGEST_QUOTE = 200
MOST_CHANGES = 12


@dataclass(frozen=True)
class Report:
    """A run at one of its events."""

    run: Run
    event: Event

    # What happened --------------------------------------------------------------------------------

    @property
    def state(self) -> str:
        """The first word of the subject."""
        if self.is_waiting:
            return STATES.get(Run.PauseReason(self.run.pause_reason), self.event.kind)
        return "failing" if self.event.kind == FIRST_FAILURE else self.event.kind

    @property
    def is_waiting(self) -> bool:
        """Whether the run is paused."""
        return self.event.kind == Run.Status.PAUSED

    @property
    def is_over(self) -> bool:
        return self.event.kind in (Run.Status.SUCCEEDED, Run.Status.FAILED, Run.Status.CANCELLED)

    @property
    def subject(self) -> str:
        """ "FAILED 14/675 - Phase 3 2023-24": the state, then the steps not verified (verified, if all are) of all.

        Skipped is not failed: "FAILED, 20/20 skipped - ...", "FAILED 4/6 (1 failed, 3 skipped) - ...".
        Of a run that is not over, the event: "STALLED - Phase 3 2023-24: no output for 25 min".
        """
        state, title = self.state.upper(), self.run.title
        if not self.is_over:
            return f"{state} - {title}: {re.split('[;:] ', self.event.text)[0]}"
        return f"{state}{self.how_many} - {title}"

    @property
    def how_many(self) -> str:
        now = self.progress
        share = f"{now.not_verified or now.verified}/{now.total}"
        if not now.not_verified and self.event.kind == Run.Status.FAILED:
            return f", {share} verified, other dates lost rows"
        if not now.skipped or self.event.kind != Run.Status.FAILED:
            return f" {share}"
        if now.skipped == now.not_verified:
            return f", {share} skipped"
        return f" {share} ({now.why_not_verified})"

    @cached_property
    def progress(self) -> Progress:
        return progress.progress_of(self.run, definition.current())

    @property
    def verified(self) -> str:
        return f"{self.progress.verified:,} of {self.progress.total:,} verified"

    @property
    def not_verified(self) -> str:
        """The number that the subject has; the counts after it add up to it."""
        return f"{self.progress.not_verified:,} not"

    @cached_property
    def notes(self) -> list[str]:
        """Notes on its verified steps: calls that ended badly, and dates that are not complete now."""
        return discrepancies.notes(self.run, verified=self.progress.verified)

    @cached_property
    def rework(self) -> Rework | None:
        """The result of redone dates, as on the run's page."""
        return redos.rework_of(self.run)

    @property
    def counts(self) -> list[tuple[str, str]]:
        """State and words, for the states that every run has, including zeros."""
        words = [
            ("failed", f"{self.progress.failed:,} failed"),
            ("skipped", f"{self.progress.skipped:,} skipped"),
            ("cancelled", f"{self.progress.cancelled:,} cancelled"),
        ]
        return words if self.is_over else [*words, ("queued", f"{self.progress.unfinished:,} left")]

    @property
    def what_now(self) -> str:
        """What a run that is not over waits for, or what a person can do."""
        if self.event.kind == STALLED:
            return "Look at its last log; stopping the run ends the call, and its dates are pending again."
        if not self.is_waiting:
            return ""
        reason = Run.PauseReason(self.run.pause_reason)
        if self.run.again_at and reason in RETRYING:
            return f"It tries again by itself at {moment(self.run.again_at)}; a person may resume it sooner."
        return WHAT_NOW.get(reason, "").format(phase=self.next_phase)

    @property
    def launched(self) -> str:
        return f"by {self.run.launched_by} on {moment(self.run.launched_at)}"

    @property
    def note(self) -> str:
        return quote(self.run.note)

    @property
    def took(self) -> str:
        began, ended = self.run.started_at, self.run.finished_at or self.event.at
        if began is None:
            return "it did not start"
        same_day = began.astimezone(dt.UTC).date() == ended.astimezone(dt.UTC).date()
        until = moment(ended).partition(" ")[2] if same_day else moment(ended)
        return f"{between(began, ended)}, {moment(began)} to {until}"

    @cached_property
    def bill(self) -> str:
        """What its SQL jobs billed; empty if the warehouse bills nothing."""
        found = billing.bill_of(self.run, definition.current())
        return found.says if found else ""

    @property
    def commit(self) -> str:
        changed = ", with changes that are not committed" if self.run.commit_dirty else ""
        return f"{self.run.commit[:10]}{changed}" if self.run.commit else ""

    # What is not as it should be ------------------------------------------------------------------

    @cached_property
    def failed(self) -> list[Step]:
        return list(self.run.steps.failed().order_by("table", "date"))

    @cached_property
    def skipped(self) -> list[Step]:
        return outcomes.skipped(self.run)

    @cached_property
    def failures(self) -> Cut[Line]:
        """Grouped by signature."""
        return Cut.of(
            [
                self.line(
                    quote(group.signature),
                    group.steps,
                    sample=quote(group.sample) if group.sample != group.signature else "",
                    cause=group.suggested_class,
                )
                for group in failure_groups.grouped(self.failed)
            ]
        )

    @cached_property
    def findings(self) -> Cut[Line]:
        """The failed steps grouped by the state of their partitions: thin and excess are not missing."""
        found: dict[str, list[Step]] = defaultdict(list)
        for step in self.failed:
            if step.state_after:
                found[finding(step)].append(step)
        states = [self.line(state.replace("_", " "), steps, state=state) for state, steps in found.items()]
        return Cut.of(sorted(states, key=lambda line: -line.count), most=len(Partition.State))

    @cached_property
    def unexpected(self) -> Cut[Line]:
        """Rows where none should be, in the tables and dates that the run selected."""
        asked = self.run.selection
        if not asked.get("start"):
            return Cut((), 0)
        partitions = Partition.objects.of(asked.get("tables", ())).filter(state=Partition.State.UNEXPECTED)
        found: dict[str, list[Partition]] = defaultdict(list)
        start, end = dt.date.fromisoformat(asked["start"]), dt.date.fromisoformat(asked["end"])
        for partition in partitions.between(start, end).order_by("table", "date"):
            found[partition.table].append(partition)
        return Cut.of([self.line("unexpected", some, sample=some[0].reason) for some in found.values()])

    @cached_property
    def skips(self) -> Cut[Line]:
        """Grouped by reason, without its dates and numbers."""
        groups = failure_groups.grouped(self.skipped)
        return Cut.of([self.line(quote(group.signature), group.steps) for group in groups])

    def line(self, what: str, found: Sequence[Step | Partition], **rest: str) -> Line:
        return Line(len(found), what, lines.where(found, after=self.following), **rest)

    @cached_property
    def following(self) -> Callable[[dt.date], dt.date]:
        return successor(list(CalendarDate.objects.values_list("date", flat=True)))

    # Gate, coverage, plan -------------------------------------------------------------------------

    @cached_property
    def next_phase(self) -> str | None:
        return gates.waiting_phase(self.run)

    @cached_property
    def needs(self) -> list[Need]:
        """The inputs of the phase behind the closed gate, and how complete they are."""
        if not self.next_phase:
            return []
        return gates.readiness(definition.current(), self.run, self.next_phase)

    @cached_property
    def changes(self) -> Cut[Change]:
        """Coverage at the start and at the end (for a run that is not over: now), of the run's phases and tables."""
        after = self.run.coverage_after if self.is_over else rollup.snapshot(definition.current())
        return Cut.of(changes(self.run, after), most=MOST_CHANGES)

    @property
    def removed(self) -> RemovedDates | None:
        """Dates that left the calendar and are in no number of the coverage."""
        return removed_dates.open_now()

    @property
    def later(self) -> str:
        return "after" if self.is_over else "now"

    @property
    def left_out(self) -> Cut[tuple[str, int]]:
        return Cut.of(Counter(self.run.left_out).most_common())

    @property
    def links(self) -> list[tuple[str, str]]:
        found = [(f"Open run {self.run.pk}", self.run.get_absolute_url())]
        if self.event.kind == STALLED and (attempt := self.run.attempts.order_by("-number").first()):
            found.append((f"Log of attempt {attempt.number}", attempt.get_absolute_url()))
        if self.failed or self.skipped:
            found.append(("All open failures", reverse("failures:index")))
        if self.is_over and (self.failed or self.skipped):
            found.append(("Plan a retry", f"{reverse('runs:new')}?retry={self.run.pk}"))
        return [(label, settings.BASE_URL + path) for label, path in found]

    @property
    def csv(self) -> str:
        """The steps that failed or were skipped; empty without any."""
        return attachment.failures_csv([*self.failed, *self.skipped])


def finding(step: Step) -> str:
    """The state of a failed step's partition; "redo failed" where the old rows are complete."""
    not_redone = step.is_redo and step.state_after == Partition.State.COMPLETE
    return Partition.Activity.REDO_FAILED if not_redone else step.state_after


def quote(text: str) -> str:
    """On one line, cut to a readable length: the CSV has all of it."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_QUOTE else f"{line[: LONGEST_QUOTE - 1]}…"


def moment(at: dt.datetime) -> str:
    return f"{at.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC"
