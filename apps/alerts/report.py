"""What a mail says of a run: the facts for its two templates, cut to what a person reads."""

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
from apps.coverage.dates import successor
from apps.coverage.models import CalendarDate, Partition
from apps.pipeline import definition
from apps.runs import control, failures, gates, progress
from apps.runs.gates import Need
from apps.runs.models import Event, Run, Step
from apps.runs.progress import Progress
from apps.runs.words import between

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
        """The run's state in the word that the subject begins with."""
        return "waiting" if self.event.kind == Run.Status.PAUSED and self.at_gate else self.event.kind

    @property
    def at_gate(self) -> bool:
        return self.run.pause == Run.Pause.GATE

    @property
    def is_waiting(self) -> bool:
        return self.event.kind == Run.Status.PAUSED

    @property
    def subject(self) -> str:
        """ "FAILED 14/675 - Phase 3 2023-24": the state first, then not verified (verified, if all are) of all."""
        state, title = self.state.upper(), self.run.title
        if self.is_waiting:
            return f"{state} - {title}: {re.split('[;:]', self.event.text)[0]}"
        count = self.not_verified or self.progress.verified
        return f"{state} {count}/{self.progress.total} - {title}"

    @cached_property
    def progress(self) -> Progress:
        return progress.of(self.run)

    @property
    def not_verified(self) -> int:
        return self.progress.total - self.progress.verified

    @property
    def counts(self) -> list[tuple[str, str]]:
        """State and words, for the states that every run has, zeros too."""
        total = f"{self.progress.total:,}"
        words = [
            ("verified", f"{self.progress.verified:,} of {total} verified"),
            ("failed", f"{self.progress.failed:,} failed"),
            ("skipped", f"{self.progress.skipped:,} skipped"),
            ("cancelled", f"{self.progress.cancelled:,} cancelled"),
        ]
        return [*words, ("queued", f"{self.progress.unfinished:,} left")] if self.is_waiting else words

    @property
    def what_now(self) -> str:
        """What a waiting run waits for."""
        match self.run.pause if self.is_waiting else "":
            case Run.Pause.GATE:
                return f"It goes on when a person starts phase {self.next_phase} on the run's page."
            case Run.Pause.FAILURES:
                return "It goes on when a person resumes it; what failed so far stays failed until a retry."
            case Run.Pause.WAREHOUSE:
                return "It goes on when a person resumes it, once the warehouse answers."
        return ""

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
        return list(self.run.steps.filter(status=Step.Status.SKIPPED).order_by("table", "date"))

    @cached_property
    def failures(self) -> Cut[Line]:
        """By what they say."""
        return Cut.of(
            [
                self.line(
                    quote(group.signature),
                    group.steps,
                    sample=quote(group.sample) if group.sample != group.signature else "",
                    cause=group.suggested_class,
                )
                for group in failures.grouped(self.failed)
            ]
        )

    @cached_property
    def findings(self) -> Cut[Line]:
        """By what the warehouse has for the failed steps: thin and excess are not missing."""
        found: dict[str, list[Step]] = defaultdict(list)
        for step in self.failed:
            if step.state_after:
                found[step.state_after].append(step)
        states = [self.line(state.replace("_", " "), steps, state=state) for state, steps in found.items()]
        return Cut.of(sorted(states, key=lambda line: -line.count), most=len(Partition.State))

    @cached_property
    def unexpected(self) -> Cut[Line]:
        """Rows where none should be, in the tables and dates that the run was asked about."""
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
        """By the reason, without its dates and numbers."""
        found: dict[str, list[Step]] = defaultdict(list)
        for step in self.skipped:
            found[failures.signature(step.message)].append(step)
        ordered = sorted(found.items(), key=lambda item: -len(item[1]))
        return Cut.of([self.line(quote(reason), steps) for reason, steps in ordered])

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
        """What the phase behind a closed gate reads, and how much of it is there."""
        if not self.next_phase:
            return []
        return gates.readiness(definition.current(), self.run, self.next_phase)

    @cached_property
    def changes(self) -> Cut[Change]:
        """Coverage at the launch and at the end (for a run that waits: now), of the run's phases and tables."""
        after = control.snapshot(definition.current()) if self.is_waiting else self.run.coverage_after
        return Cut.of(changes(self.run, after), most=MOST_CHANGES)

    @property
    def later(self) -> str:
        return "now" if self.is_waiting else "after"

    @property
    def left_out(self) -> Cut[tuple[str, int]]:
        return Cut.of(Counter(self.run.left_out).most_common())

    @property
    def links(self) -> list[tuple[str, str]]:
        found = [(f"Open run {self.run.pk}", self.run.get_absolute_url())]
        if self.failed or self.skipped:
            found.append(("All open failures", reverse("failures:index")))
        if not self.is_waiting and (self.failed or self.skipped):
            found.append(("Plan a retry", f"{reverse('runs:new')}?retry={self.run.pk}"))
        return [(label, settings.BASE_URL + path) for label, path in found]

    @property
    def csv(self) -> str:
        """All that failed or was skipped; empty where nothing was."""
        return attachment.of([*self.failed, *self.skipped])


def quote(text: str) -> str:
    """On one line, and not too long: the CSV has all of it."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_QUOTE else f"{line[: LONGEST_QUOTE - 1]}…"


def moment(at: dt.datetime) -> str:
    return f"{at.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC"
