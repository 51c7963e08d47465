"""What the launch form offers to start from, and how many gaps each of its choices has."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from urllib.parse import urlencode

from django.db.models import Count

from apps.coverage.models import Partition
from apps.pipeline.definition import Pipeline
from apps.runs import failures
from apps.runs.words import count


@dataclass(frozen=True)
class Preset:
    """A link that fills the form."""

    label: str
    note: str
    query: str


@dataclass(frozen=True)
class Gaps:
    """Partitions that are expected and not complete, by table and by season."""

    by_table: Counter[str]
    by_season: Counter[str]


def gaps(pipeline: Pipeline) -> Gaps:
    """The gaps of the tables with jobs, in one query."""
    names = [table.name for table in pipeline.filled]
    rows = Partition.objects.of(names).gaps().order_by().values_list("table", "season").annotate(Count("id"))
    by_table: Counter[str] = Counter()
    by_season: Counter[str] = Counter()
    for table, season, number in rows:
        by_table[table] += number
        by_season[season] += number
    return Gaps(by_table, by_season)


def presets(pipeline: Pipeline, found: Gaps) -> list[Preset]:
    """Retry of the last failures first, then the gaps of each phase, then the oldest season that has any."""
    return [*retry(), *phases(pipeline, found), *oldest_season(pipeline, found)]


def retry() -> list[Preset]:
    step = failures.open_steps().order_by("-run_id").select_related("run").first()
    if step is None:
        return []
    number = len(failures.to_retry(step.run))
    query = urlencode({"retry": step.run_id})
    return [Preset(f"Retry failures of run {step.run_id}", count(number, "partition"), query)]


def phases(pipeline: Pipeline, found: Gaps) -> list[Preset]:
    numbers = {
        phase: sum(found.by_table[table.name] for table in pipeline.tables_of(phase.name))
        for phase in pipeline.phases
    }
    return [
        Preset(f"Only gaps of {phase.label}", count(number, "gap"), urlencode({"phase": phase.name}))
        for phase, number in numbers.items()
        if number
    ]


def oldest_season(pipeline: Pipeline, found: Gaps) -> list[Preset]:
    for season in sorted(pipeline.seasons, key=lambda season: season.start):
        if number := found.by_season[season.name]:
            note = f"{count(number, 'gap')}, the oldest season with any"
            return [Preset(f"Whole season {season.name}", note, urlencode({"season": season.name}))]
    return []
