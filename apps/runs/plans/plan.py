"""A plan: the steps that a launch would make, and a reason for every other date."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from apps.pipeline.definition import Pipeline
from apps.pipeline.sections import Phase, Table
from apps.runs.dependencies.blocked import Blocked
from apps.runs.plans import batching
from apps.runs.plans.reasons import (
    BEHIND_GAPS,
    COMPLETE,
    ELSEWHERE,
    NOT_OVER,
    OFF_CALENDAR,
    SETTLED,
    UNCOMPARED,
    UNKNOWN,
)
from apps.runs.plans.selections import Selection
from apps.text import date_ranges, successor


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step as a launch would make it."""

    table: str
    phase: str
    date: dt.date
    season: str
    units: int
    is_redo: bool = False  # its date is complete already, or was before its redo failed


@dataclass(frozen=True)
class Plan:
    """Steps in the order in which they will be performed; `left_out` has a reason for every other partition."""

    selection: Selection
    steps: tuple[PlannedStep, ...]
    left_out: dict[str, list[tuple[str, dt.date]]]
    calendar: tuple[dt.date, ...] = field(repr=False, default=())  # all of it from the first to the last date
    was_scanned: bool = True
    blocked: Blocked = field(default_factory=Blocked)  # what would be skipped, left out or not
    waits_for: Mapping[int, int] = field(
        default_factory=dict
    )  # runs that are to fill inputs of it, with how many

    @property
    def partitions(self) -> list[tuple[str, dt.date]]:
        """Table and date of each step."""
        return [(step.table, step.date) for step in self.steps]

    @cached_property
    def by_table(self) -> dict[str, int]:
        return dict(Counter(step.table for step in self.steps))

    @cached_property
    def left_out_counts(self) -> dict[str, int]:
        return {reason: len(found) for reason, found in sorted(self.left_out.items())}

    @cached_property
    def left_out_ranges(self) -> list[tuple[str, int, str]]:
        """Reason, number of partitions, and their dates in words."""
        after = successor(self.calendar)
        return [
            (reason, len(found), date_ranges({date for _, date in found}, most=4, after=after))
            for reason, found in sorted(self.left_out.items())
        ]

    @cached_property
    def elsewhere(self) -> dict[int, int]:
        """Runs that are about to fill some of the partitions asked for, with how many."""
        return {
            int(reason.removeprefix(ELSEWHERE)): len(found)
            for reason, found in self.left_out.items()
            if reason.startswith(ELSEWHERE)
        }

    @cached_property
    def dates(self) -> list[dt.date]:
        return sorted({step.date for step in self.steps})

    @cached_property
    def digest(self) -> str:
        """Two plans with the same digest would do the same steps in the same order."""
        said = ";".join(f"{step.table} {step.date}" for step in self.steps)
        return hashlib.blake2b(said.encode(), digest_size=8).hexdigest()

    @cached_property
    def seasons(self) -> list[str]:
        return list(dict.fromkeys(step.season for step in self.steps))

    @cached_property
    def phases(self) -> list[str]:
        return list(dict.fromkeys(step.phase for step in self.steps))

    @property
    def is_complete_already(self) -> bool:
        """Whether there is nothing to do because all that is expected is there."""
        return not self.steps and COMPLETE in self.left_out and set(self.left_out) <= SETTLED

    @property
    def why_nothing(self) -> str:
        """Why there is nothing to do, as a sentence; empty if there is."""
        if self.steps:
            return ""
        if not self.was_scanned:
            return "The warehouse was not scanned yet: it is not known which dates are expected."
        days = (OFF_CALENDAR, NOT_OVER)  # of which nothing is expected
        reasons = [reason for reason in self.left_out if reason not in days] or list(self.left_out)
        if self.is_complete_already:
            rest = ", ".join(f"{len(self.left_out[name]):,} {name}" for name in reasons if name != COMPLETE)
            besides = f" ({rest} besides)" if rest else ""
            return f"Nothing to do: all {len(self.left_out[COMPLETE]):,} are complete already{besides}."
        if BEHIND_GAPS in reasons:
            rest = ", ".join(
                f"{len(self.left_out[name]):,} {name}" for name in reasons if name != BEHIND_GAPS
            )
            return f"Nothing to do: {self.blocked.sentence}{f' ({rest} besides)' if rest else ''}."
        match reasons:
            case []:
                return "Nothing to do: none of the chosen dates lies in a chosen season."
            case [reason] if reason == OFF_CALENDAR:
                return "Nothing to do: no date of this range is on the calendar."
            case [reason]:
                return f"Nothing to do: all {len(self.left_out[reason]):,} are left out ({reason})."
        counts = ", ".join(f"{len(self.left_out[reason]):,} {reason}" for reason in reasons)
        return f"Nothing to do: {counts}."

    @property
    def unknown(self) -> int:
        """Partitions that may be gaps: the warehouse was not asked about them, or did not answer."""
        return len(self.left_out.get(UNKNOWN, ())) + len(self.left_out.get(UNCOMPARED, ()))

    @property
    def is_known(self) -> bool:
        """Whether anything that was asked for is known; else the number of steps says nothing."""
        if self.steps or not self.selection.tables:
            return True
        return self.was_scanned and not (
            self.unknown and set(self.left_out) <= SETTLED - {COMPLETE} | {UNKNOWN, UNCOMPARED}
        )

    def manual_gates(self, pipeline: Pipeline) -> list[Phase]:
        """The phases before which the run will pause until a person starts them."""
        asked = {table.phase for table in self.selection.tables}
        after_another = [phase for phase in pipeline.phases if phase.name in asked][1:]
        return [phase for phase in after_another if phase.gate == "manual" and phase.name in self.phases]

    def title(self, pipeline: Pipeline) -> str:
        """What the run will be called: its phases or tables, and its dates."""
        if not self.steps:
            return "Nothing to do"
        tables = list(self.by_table)
        what = " and ".join(pipeline.phase(phase).label for phase in self.phases)
        if len(tables) == 1:
            what = pipeline.table(tables[0]).short_name
        first, last = self.dates[0], self.dates[-1]
        return f"{what}, {first}" if first == last else f"{what}, {first} to {last}"

    @cached_property
    def dates_by_table_and_season(self) -> dict[str, dict[str, list[dt.date]]]:
        """Table to season to the dates of its steps, in their order."""
        found: dict[str, dict[str, list[dt.date]]] = defaultdict(lambda: defaultdict(list))
        for step in self.steps:
            found[step.table][step.season].append(step.date)
        return found

    def calls(self, table: Table) -> list[list[dt.date]]:
        """The dates of each call that the run would make for a table, where each does what it should."""
        assert table.job
        if table.job.takes_ranges:
            return [call for calls in self.calls_by_season(table).values() for call in calls]
        dates = [date for some in self.dates_by_table_and_season[table.name].values() for date in some]
        return batching.calls(table.job, dates, self.dates_a_call(table), self.calendar)

    def calls_by_season(self, table: Table) -> dict[str, list[list[dt.date]]]:
        """By season the dates of each call of a job that takes ranges: none spans the time between two seasons."""
        assert table.job
        job, most = table.job, self.dates_a_call(table)
        return {
            season: batching.calls(job, dates, most, self.calendar)
            for season, dates in self.dates_by_table_and_season[table.name].items()
        }

    def dates_a_call(self, table: Table) -> int:
        assert table.job
        return batching.dates_a_call(table.job, self.selection.batch)
