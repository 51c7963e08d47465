"""The ETA: when steps will be done, for a plan before its launch and for a run while it is performed.

It is handed what calls took, the steps left with what stops before some of them, and the lanes. What a person has to
do in between (release a canary, start a phase) takes as long as a person takes: the estimate goes as far as there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from apps.pipeline import definition
from apps.pipeline.definition import Pipeline
from apps.runs.estimates import outside_work, paces, remaining_work
from apps.runs.estimates.paces import FEWEST, Pace, Work
from apps.runs.estimates.remaining_work import Left
from apps.text import duration_range


@dataclass(frozen=True)
class Stop:
    """Where a run waits for a person: before a phase with a manual gate, or for its canary's release."""

    phase: str = ""

    @property
    def is_canary(self) -> bool:
        return not self.phase

    @property
    def name(self) -> str:
        """ "the gate before Phase 3"."""
        return "the end of the canary" if self.is_canary else f"the gate before {self.phase}"

    @property
    def short_name(self) -> str:
        return "canary's end" if self.is_canary else "gate"


@dataclass(frozen=True)
class Leg:
    """Steps that are performed without a person, by table, and what the run waits for after them, if anything."""

    left: Mapping[str, Left]
    stop: Stop | None = None


@dataclass(frozen=True)
class Estimate:
    """What the legs ahead will take.

    `never_run` and `too_few` are the tables whose time is not known: no date of theirs, or fewer than FEWEST, was
    ever verified. Of those `by_run_history` only the warehouse's run history knows.
    """

    legs: Sequence[Leg] = ()
    paces: Mapping[str, Pace] = field(default_factory=dict)
    lanes: int = 1
    never_run: Sequence[str] = ()
    too_few: Sequence[str] = ()
    by_run_history: Sequence[str] = ()

    @cached_property
    def left(self) -> Mapping[str, Left]:
        """All steps left, by table."""
        found: dict[str, Left] = defaultdict(lambda: Left(0, 0))
        for leg in self.legs:
            for table, some in leg.left.items():
                found[table] += some
        return dict(found)

    @property
    def unknown(self) -> list[str]:
        return [*self.never_run, *self.too_few]

    @property
    def seconds_range(self) -> tuple[float, float] | None:
        """The work left as a range, without what persons take; None if a table's time is not known."""
        return self.range_of(self.left)

    @property
    def known_range(self) -> tuple[float, float] | None:
        """The work left of the tables whose time is known, as a range; None if there is none."""
        known = {table: some for table, some in self.left.items() if table in self.paces}
        return self.range_of(known) if known else None

    @property
    def stop(self) -> Stop | None:
        """What the run waits for before all is done."""
        return self.legs[0].stop if self.legs else None

    @property
    def to_stop(self) -> tuple[float, float] | None:
        """The work until then as a range; None if there is no stop, or it is not known."""
        return self.range_of(self.legs[0].left) if self.stop else None

    @property
    def why_unknown(self) -> str:
        """ "trend and visits have never run here"; empty if all is known."""
        said = []
        if self.never_run:
            have = "has" if len(self.never_run) == 1 else "have"
            said.append(f"{listed(self.never_run)} {have} never run here")
        if self.too_few:
            said.append(f"of {listed(self.too_few)} fewer than {FEWEST} dates were verified")
        return "; ".join(said)

    @property
    def in_words(self) -> str:
        """ "6 to 9 min", or "not known: trend has never run here; the others take 6 to 9 min"."""
        if seconds := self.seconds_range:
            return duration_range(*seconds)
        others = f"; the others take {duration_range(*known)}" if (known := self.known_range) else ""
        return f"not known: {self.why_unknown}{others}"

    @property
    def to_stop_in_words(self) -> str:
        """ "to the gate before Phase 4 6 to 9 min, then it waits for a person"; empty if nothing stops it."""
        if self.stop is None:
            return ""
        seconds = self.to_stop
        takes = duration_range(*seconds) if seconds else "not known"
        return f"to {self.stop.name} {takes}, then it waits for a person"

    def range_of(self, left: Mapping[str, Left]) -> tuple[float, float] | None:
        some = {table: each for table, each in left.items() if each.steps}
        if any(table not in self.paces for table in some):
            return None
        low, high = remaining_work.range_of(self.paces, some)
        in_use = max(min(self.lanes, sum(each.steps for each in some.values())), 1)
        return low / in_use, high / in_use


def estimate(
    legs: Sequence[Leg],
    *,
    own: Mapping[str, Sequence[Work]] | None = None,
    earlier: Mapping[str, Sequence[Work]],
    lanes: int = 1,
) -> Estimate:
    """The estimate for these legs, from the calls of the run itself, oldest first, and those of before."""
    mine = own or {}
    tables = list(dict.fromkeys(table for leg in legs for table in leg.left))
    known = paces.of_tables(mine, earlier, tables)
    unknown = [table for table in tables if table not in known]
    return Estimate(
        legs=legs,
        paces=known,
        lanes=lanes,
        never_run=[table for table in unknown if not mine.get(table) and not earlier.get(table)],
        too_few=[table for table in unknown if mine.get(table) or earlier.get(table)],
        by_run_history=[
            table for table in outside_work.tables_of(earlier) if table in known and not mine.get(table)
        ],
    )


@dataclass(frozen=True)
class Part:
    """Steps left of a table; `is_first` where they go before the others, as a canary does."""

    table: str
    left: Left
    is_first: bool = False


def legs(
    parts: Iterable[Part], *, pipeline: Pipeline, gates: Sequence[str], has_canary: bool = False
) -> list[Leg]:
    """The parts in the order in which a run performs them, cut at what it waits for.

    `gates` are the phases that a person must start, in their order. Where a gate comes at once the first leg is empty.
    """
    labels = {phase.name: phase.label for phase in pipeline.phases}
    before = [None, *[Stop()] * has_canary, *(Stop(labels[name]) for name in gates)]
    behind = {name: number for number, name in enumerate(gates, 1 + has_canary)}
    lefts: list[dict[str, Left]] = [{} for _ in before]
    for part in parts:
        table = pipeline.by_name.get(part.table)
        number = behind.get(table.phase if table else "", int(has_canary and not part.is_first))
        lefts[number][part.table] = lefts[number].get(part.table, Left(0, 0)) + part.left
    found = [(stop, left) for stop, left in zip(before, lefts, strict=True) if left or stop is None]
    stops = [*(stop for stop, _ in found[1:]), None]
    return [Leg(left, stop) for (_, left), stop in zip(found, stops, strict=True)]


def listed(tables: Sequence[str]) -> str:
    """ "sales, trend and visits"."""
    names = [definition.short_name(table) for table in tables]
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
