"""The presets of the launch form, and the gaps of each of its choices."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from django.db.models import Count

from apps.coverage.models import Partition
from apps.coverage.sources import windows
from apps.pipeline.definition import Pipeline
from apps.pipeline.sections import Table
from apps.runs.failures import failure_groups
from apps.text import count


@dataclass(frozen=True)
class Preset:
    """A link that fills the form."""

    label: str
    note: str
    query: str


@dataclass(frozen=True)
class Gaps:
    """Partitions by state: how many are gaps, and how many may be, as the warehouse was not asked or did not answer."""

    by_state: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: Gaps) -> Gaps:
        return Gaps(self.by_state + other.by_state)

    @property
    def number(self) -> int:
        return sum(self.by_state[state] for state in Partition.GAPS)

    @property
    def unknown(self) -> int:
        return self.by_state[Partition.State.UNKNOWN]

    @property
    def is_known(self) -> bool:
        return bool(
            self.number or self.by_state[Partition.State.COMPLETE] or (self.by_state and not self.unknown)
        )

    def __str__(self) -> str:
        if not self.is_known:
            return "gaps unknown"
        return f"{count(self.number, 'gap')}{self.unknown_suffix}"

    @property
    def unknown_suffix(self) -> str:
        """ ", 4 unknown"; empty if all was read."""
        return f", {self.unknown:,} unknown" if self.unknown else ""


@dataclass(frozen=True)
class AllGaps:
    """The gaps of the tables with jobs, by table and by season. What was never read is unknown, not 0."""

    by_table: Mapping[str, Gaps]
    by_season: Mapping[str, Gaps]

    def of(self, tables: Iterable[Table]) -> Gaps:
        return sum((self.by_table.get(table.name, Gaps()) for table in tables), Gaps())

    @property
    def is_known(self) -> bool:
        return any(gaps.is_known for gaps in self.by_table.values())


def gaps(pipeline: Pipeline) -> AllGaps:
    """Of every table and season with anything stored, in one query."""
    names = [table.name for table in pipeline.filled]
    rows = (
        Partition.objects.of(names).order_by().values_list("table", "season", "state").annotate(Count("id"))
    )
    by_table: defaultdict[str, Gaps] = defaultdict(Gaps)
    by_season: defaultdict[str, Gaps] = defaultdict(Gaps)
    for table, season, state, number in rows:
        found = Gaps(Counter({state: number}))
        by_table[table] += found
        by_season[season] += found
    return AllGaps(by_table, by_season)


def presets(pipeline: Pipeline, found: AllGaps) -> list[Preset]:
    """Retry of the last failures first, then a test, the gaps of each phase, and the oldest season that has any."""
    return [
        *retry(),
        *test_window(pipeline, found),
        *phases(pipeline, found),
        *oldest_season(pipeline, found),
    ]


def retry() -> list[Preset]:
    step = failure_groups.open_steps().order_by("-run_id").select_related("run").first()
    if step is None:
        return []
    query = urlencode({"retry": step.run_id})
    return [Preset(f"Retry failures of run {step.run_id}", "what failed or was skipped", query)]


def test_window(pipeline: Pipeline, found: AllGaps) -> list[Preset]:
    """The best dates for a first test, for the first phase that lacks anything; with the runner-up."""
    phase = next((p for p in pipeline.phases if found.of(pipeline.tables_of(p.name)).number), None)
    best = windows.best(windows.facts_of(pipeline), most=2) if phase else []
    if phase is None or not best:
        return []
    first, *others = best
    said = f"{first.start} to {first.end}: {first.in_words}, {count(first.units, pipeline.calendar.unit)}"
    runner_up = "".join(f"; then {other.start} to {other.end}" for other in others)
    query = {"phase": phase.name, "start": first.start, "end": first.end}
    return [Preset(f"Test window, {phase.label}", f"{said}{runner_up}", urlencode(query))]


def phases(pipeline: Pipeline, found: AllGaps) -> list[Preset]:
    numbers = {phase: found.of(pipeline.tables_of(phase.name)) for phase in pipeline.phases}
    return [
        Preset(
            f"Only gaps of {phase.label}",
            f"{phase.title}{gaps.unknown_suffix}",
            urlencode({"phase": phase.name}),
        )
        for phase, gaps in numbers.items()
        if gaps.number
    ]


def oldest_season(pipeline: Pipeline, found: AllGaps) -> list[Preset]:
    for season in sorted(pipeline.seasons, key=lambda season: season.start):
        gaps = found.by_season.get(season.name, Gaps())
        if gaps.number:
            note = f"the oldest with gaps{gaps.unknown_suffix}"
            return [Preset(f"Whole season {season.name}", note, urlencode({"season": season.name}))]
    return []
