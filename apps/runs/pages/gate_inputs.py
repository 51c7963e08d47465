"""The inputs of a manual gate, each with the links that plan or accept what it lacks: those dates and no others."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

from apps.coverage import date_lists
from apps.coverage.models import Partition
from apps.pipeline.definition import Pipeline
from apps.runs.dependencies import gates
from apps.runs.models import Run


@dataclass(frozen=True)
class GateInput:
    """`acceptable` are its gaps that no run is about to fill, as far as one link can name them."""

    need: gates.Need
    is_filled: bool
    acceptable: tuple[dt.date, ...]

    @property
    def plan_query(self) -> str:
        """The query of the link that plans its gaps; empty if no job fills it, or it has none."""
        if self.need.is_met or not self.is_filled:
            return ""
        return date_lists.query(self.need.table, self.need.missing)

    @property
    def accept_query(self) -> str:
        """The query of the link that accepts its gaps; empty if there is none to accept."""
        return date_lists.query(self.need.table, self.acceptable) if self.acceptable else ""


def of_run(pipeline: Pipeline, run: Run, phase: str) -> list[GateInput]:
    """What the run's steps of a phase read from earlier phases; one query more than `gates.readiness` makes."""
    needs = gates.readiness(pipeline, run, phase)
    lacking = [need for need in needs if not need.is_met]
    filled = {table.name for table in pipeline.filled}
    gaps = acceptable(lacking) if lacking else set()
    found = []
    for need in needs:
        own = [date for date in need.missing if (need.table, date) in gaps]
        found.append(GateInput(need, need.table in filled, tuple(date_lists.first_of(own))))
    return found


def acceptable(needs: Collection[gates.Need]) -> set[tuple[str, dt.date]]:
    first, last = min(need.start for need in needs), max(need.end for need in needs)
    found = Partition.objects.of({need.table for need in needs}).between(first, last).acceptable()
    return set(found.order_by().values_list("table", "date"))
