"""Coverage before and after a run, of its own phases, tables and seasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Min

from apps.coverage.counts.rollup import percent
from apps.pipeline import definition
from apps.runs.models import Run

Count = tuple[int, int, int]  # complete, expected, unknown
Snapshot = Mapping[str, Any]  # as runs keep it: tables by season, and phases


@dataclass(frozen=True)
class Part:
    """One season of a table, or a phase as a whole; None if a snapshot does not have it."""

    name: str
    before: Count | None
    after: Count | None

    @property
    def was(self) -> str:
        return count_text(self.before)

    @property
    def is_now(self) -> str:
        """With its share, rounded down: 100 % means all."""
        share = percent(self.after[0], self.after[1], unknown=self.after[2]) if self.after else None
        return count_text(self.after) if share is None else f"{count_text(self.after)} ({share} %)"


@dataclass(frozen=True)
class Change:
    """A table with its seasons; or a phase, which is complete on a date only if all its tables are."""

    name: str
    parts: tuple[Part, ...]


def changes(run: Run, after: Snapshot) -> list[Change]:
    """The phases of the run, then its tables, in the order in which it fills them."""
    before = run.coverage_before
    steps = run.steps.order_by().values_list("phase", "table", "season")
    phases: dict[str, None] = {}
    tables: dict[str, dict[str, None]] = {}
    for phase, table, season, _ in steps.annotate(first=Min("position")).order_by("first"):
        phases.setdefault(phase)
        tables.setdefault(table, {}).setdefault(season)
    found = [
        Change(f"Phase {phase}", (part("all tables and seasons", before, after, "phases", phase),))
        for phase in phases
    ]
    for table, seasons in tables.items():
        parts = (part(season, before, after, "tables", table, season) for season in sorted(seasons))
        found.append(Change(definition.short_name(table), tuple(parts)))
    return found


def part(name: str, before: Snapshot, after: Snapshot, *path: str) -> Part:
    return Part(name, counted(before, path), counted(after, path))


def counted(snapshot: Snapshot, path: tuple[str, ...]) -> Count | None:
    found: Any = snapshot
    for key in path:
        found = found.get(key, {})
    return (found[0], found[1], found[2]) if found else None


def count_text(count: Count | None) -> str:
    if count is None:
        return "not known"
    complete, expected, unknown = count
    if 0 < expected == unknown:
        return "unknown"
    return f"{complete:,}/{expected:,}" + (f", {unknown:,} unknown" if unknown else "")
