"""Steps that a run would skip because of their inputs, found beforehand, by cause. It makes no query."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from apps.pipeline import definition
from apps.pipeline.definition import Pipeline
from apps.pipeline.sections import Table
from apps.runs.dependencies import downstream, inputs
from apps.runs.dependencies.inputs import Gap, InputDates, State
from apps.text import count, date_ranges

MOST_RANGES = 3
WOULD_BE_SKIPPED = "would be skipped"
WOULD_BE_STALE = "would be stale"
NO_SOURCE = "no source has it"


@dataclass(frozen=True)
class Cause:
    """Dates of an input, or of a need, that are not there and that no run is about to fill: why, and how many steps
    they keep from starting at least in part. `name` is a table's, or a need's where no source has the dates."""

    name: str
    why: str
    dates: tuple[dt.date, ...]
    steps: int

    @property
    def is_need(self) -> bool:
        return self.why == NO_SOURCE

    @property
    def in_words(self) -> str:
        """ "2024-01-05, 2024-01-09 to 2024-01-10 of base (missing)"."""
        name = self.name if self.is_need else definition.short_name(self.name)
        return f"{date_ranges(self.dates, most=MOST_RANGES)} of {name} ({self.why.removeprefix('is ')})"


@dataclass(frozen=True)
class Blocked:
    """The steps that would be skipped, and the causes, those first that are in the way of most."""

    dates: Mapping[str, Collection[dt.date]] = field(default_factory=dict)
    causes: tuple[Cause, ...] = ()

    @cached_property
    def steps(self) -> int:
        return sum(map(len, self.dates.values()))

    @property
    def behind(self) -> int:
        """How many dates of inputs are the causes."""
        return sum(len(cause.dates) for cause in self.causes)

    @property
    def numbers(self) -> str:
        """ "224 would be skipped, behind 3 dates"; empty if none would."""
        return f"{self.steps:,} {self.would_be_skipped}" if self.steps else ""

    def of(self, steps: int) -> str:
        """ "224 of 1,010 steps would be skipped, behind 3 dates"; empty if none would."""
        return f"{self.steps:,} of {count(steps, 'step')} {self.would_be_skipped}" if self.steps else ""

    @property
    def would_be_skipped(self) -> str:
        return f"would be skipped, behind {count(self.behind, 'date')}"

    @property
    def sentence(self) -> str:
        """The same with the causes: "..., behind 3 dates: 2024-01-05 of base (missing), ..."."""
        return f"{self.numbers}: {'; '.join(cause.in_words for cause in self.causes)}" if self.steps else ""

    def as_json(self) -> dict:
        causes = [
            {
                "need" if cause.is_need else "table": cause.name,
                "why": cause.why,
                "dates": [str(date) for date in cause.dates],
                "steps": cause.steps,
            }
            for cause in self.causes
        ]
        return {"steps": self.steps, "dates": self.behind, "causes": causes}


@dataclass
class Forecast:
    """What of the wanted steps a run would skip, as far as each step that it does not skip is verified.

    Calendar and states reach back as far as the lookbacks do. `in_other_runs` are inputs that other runs are about to
    fill, `undone` those that the asking run was to fill and did not; `closed` are dates of the wanted tables of which
    no source of a need has anything, with that need's name.
    """

    pipeline: Pipeline
    wanted: Mapping[str, Collection[dt.date]]
    calendar: Collection[dt.date]
    states: Mapping[str, Mapping[dt.date, str]]
    in_other_runs: Mapping[str, Mapping[dt.date, int | None]] = field(default_factory=dict)
    undone: Mapping[str, Mapping[dt.date, Gap]] = field(default_factory=dict)
    closed: Mapping[str, Mapping[dt.date, str]] = field(default_factory=dict)
    known: dict[str, InputDates] = field(default_factory=dict)
    # By table the dates that would be skipped, each with the bits of its kinds of cause.
    skipped: dict[str, dict[dt.date, int]] = field(default_factory=dict)
    kinds: dict[tuple[str, str], int] = field(default_factory=dict)  # table and reason to a bit
    bits: dict[str, list[int]] = field(default_factory=dict)  # by input those of its gaps, in their order
    blocking: dict[str, bytearray] = field(default_factory=dict)  # by input whether a gap of it blocks a step

    def result(self) -> Blocked:
        """Goes through the tables in a run's order and keeps what each would lack."""
        for table in self.pipeline.filled:
            if self.wanted.get(table.name):
                self.add(table)
        dates = {name: tuple(found) for name, found in self.skipped.items() if found}
        if not dates:
            return Blocked()
        roots: dict[tuple[str, str], list[dt.date]] = defaultdict(list)
        for name, known in self.known.items():
            for gap, blocks in zip(known.gaps, self.blocking[name], strict=True):
                if blocks and gap.verb != WOULD_BE_SKIPPED:
                    roots[name, why(gap)].append(gap.date)
        closed = {(need, date) for some in self.closed.values() for date, need in some.items()}
        for need, date in sorted(closed):
            roots[need, NO_SOURCE].append(date)
        masks = [bits for found in self.skipped.values() for bits in found.values()]
        causes = [
            Cause(name, said, tuple(some), sum(1 for bits in masks if bits & self.kinds[name, said]))
            for (name, said), some in roots.items()
        ]
        return Blocked(dates, tuple(sorted(causes, key=lambda cause: -cause.steps)))

    def add(self, table: Table) -> None:
        found: dict[dt.date, int] = {}
        closed = self.closed.get(table.name, {})
        for date in self.wanted[table.name]:
            bits = self.in_the_way(table, date)
            if need := closed.get(date):
                bits |= self.bit(need, NO_SOURCE)
            if bits:
                found[date] = bits
        self.skipped[table.name] = found

    def in_the_way(self, table: Table, date: dt.date) -> int:
        bits = 0
        for needed in table.after:
            known = self.of(needed.table)
            gaps = inputs.answer(needed, date, known).gaps if known.gaps else ()
            if not gaps:
                continue
            start, end = inputs.span(known.gaps, gaps[0].date, gaps[-1].date)
            self.blocking[needed.table][start:end] = b"\1" * (end - start)
            for each in set(self.bits[needed.table][start:end]):
                bits |= each
        return bits

    def of(self, name: str) -> InputDates:
        if name not in self.known:
            skipped = self.skipped.get(name, {})
            coming: dict[dt.date, int | None] = {
                date: None for date in self.wanted.get(name, ()) if date not in skipped
            }
            coming.update(self.in_other_runs.get(name, {}))
            undone = dict(self.undone.get(name, {})) | {date: Gap(date, WOULD_BE_SKIPPED) for date in skipped}
            undone |= {date: Gap(date, WOULD_BE_STALE) for date in self.outdated(name)}
            known = inputs.input_dates(self.calendar, self.states.get(name, {}), coming=coming, undone=undone)
            self.known[name] = known
            self.bits[name] = [skipped.get(gap.date) or self.bit(name, why(gap)) for gap in known.gaps]
            self.blocking[name] = bytearray(len(known.gaps))
        return self.known[name]

    def outdated(self, name: str) -> list[dt.date]:
        """The complete dates of an input that read what the wanted steps write and are not filled after that."""
        table, noted = self.pipeline.by_name[name], self.pipeline.notes_writing
        read = downstream.read_by(self.pipeline, name) & self.wanted.keys() if noted(table) else set()
        written = {
            each: sorted(set(self.wanted[each]) - set(self.skipped.get(each, ())))
            for each in read
            if noted(self.pipeline.by_name[each])
        }
        if not written:
            return []
        own = {*self.wanted.get(name, ()), *self.in_other_runs.get(name, {})}
        states = self.states.get(name, {})
        complete = (date for date, state in states.items() if state == State.COMPLETE and date not in own)
        return downstream.left_of(self.pipeline, name, complete, written)

    def bit(self, name: str, said: str) -> int:
        return self.kinds.setdefault((name, said), 1 << len(self.kinds))


def why(gap: Gap) -> str:
    return f"{gap.verb} {gap.when}".strip()
