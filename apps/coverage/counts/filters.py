"""The filter of coverage pages: phase, table, state and months, from the address."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from apps.coverage.models import Partition, shown
from apps.pipeline import filters
from apps.pipeline.definition import Pipeline
from apps.pipeline.filters import Filter
from apps.pipeline.sections import Season, Table

State, Activity = Partition.State, Partition.Activity

# Any expected partition that is not complete, whatever a run does about it.
GAP = "gap"
STATES = (
    GAP,
    State.MISSING,
    State.THIN,
    State.EXCESS,
    State.STALE,
    Activity.FAILED,
    Activity.REDO_FAILED,
    Activity.REDO_SKIPPED,
    State.UNEXPECTED,
    State.UNKNOWN,
    State.ACCEPTED,
    Activity.QUEUED,
    Activity.RUNNING,
    State.COMPLETE,
    State.NOT_EXPECTED,
)
# What a list of ranges says without being asked.
UNREMARKABLE = (State.COMPLETE, State.NOT_EXPECTED, State.ACCEPTED)


@dataclass(frozen=True)
class CoverageFilter(Filter):
    """`start` and `end` are the first and last day of the chosen months; None where none is chosen."""

    season: Season | None = None
    phase: str = ""
    table: str = ""
    state: str = ""
    first_month: str = ""
    last_month: str = ""

    @classmethod
    def of(
        cls, values: Mapping[str, str], pipeline: Pipeline, season: Season | None = None
    ) -> CoverageFilter:
        """The filter of an address. What the pipeline does not know (any more) chooses nothing."""
        found = cls(
            season=season,
            phase=filters.known(pipeline.phase, values.get("phase", "")),
            table=filters.known(pipeline.table, values.get("table", "")),
            state=filters.one_of(STATES, values.get("state", "")),
            first_month=month(values.get("from", "")),
            last_month=month(values.get("to", "")),
        )
        return replace(found, problem=filters.problem(values, found.named))

    @property
    def start(self) -> dt.date | None:
        return dt.date.fromisoformat(f"{self.first_month}-01") if self.first_month else None

    @property
    def end(self) -> dt.date | None:
        if not self.last_month:
            return None
        inside_next_month = dt.date.fromisoformat(f"{self.last_month}-28") + dt.timedelta(days=4)
        return inside_next_month - dt.timedelta(days=inside_next_month.day)

    @property
    def named(self) -> dict[str, str]:
        return {
            "phase": self.phase,
            "table": self.table,
            "state": self.state,
            "from": self.first_month,
            "to": self.last_month,
        }

    def tables(self, pipeline: Pipeline) -> list[Table]:
        """The chosen tables by phase, those that a run can fill before the sources."""
        chosen = [
            table
            for phase in pipeline.phases
            for table in pipeline.tables_of(phase.name)
            if self.phase in ("", phase.name) and self.table in ("", table.name)
        ]
        return sorted(chosen, key=lambda table: table.is_source)

    def takes(self, state: str, activity: str) -> bool:
        """Whether a partition is among the chosen states."""
        if self.state == GAP:
            return state in Partition.GAPS
        return not self.state or shown(state, activity) == self.state

    def lists(self, state: str, activity: str) -> bool:
        """Whether a list says it: what was chosen, else everything that is not as it should be."""
        return self.takes(state, activity) and (
            bool(self.state) or shown(state, activity) not in UNREMARKABLE
        )


def month(text: str) -> str:
    """ "2024-01", or nothing where it is no month."""
    try:
        return f"{dt.date.fromisoformat(f'{text}-01'):%Y-%m}"
    except ValueError:
        return ""


def months(seasons: Iterable[Season]) -> list[tuple[str, str]]:
    """The months that the seasons touch, oldest first, to choose from: value and label."""
    found = []
    for season in sorted(seasons, key=lambda season: season.start):
        first = season.start.replace(day=1)
        while first <= season.end:
            found.append((f"{first:%Y-%m}", f"{first:%b %Y}"))
            first = (first + dt.timedelta(days=31)).replace(day=1)
    return list(dict.fromkeys(found))
