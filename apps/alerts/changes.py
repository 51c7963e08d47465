"""Coverage before and after a run, of its own phases, tables and seasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Min

from apps.coverage.rollup import percent
from apps.runs.models import Run

Count = tuple[int, int]  # complete, expected


@dataclass(frozen=True)
class Part:
    """One season of a table, or a phase as a whole. None where a snapshot does not know it."""

    name: str
    before: Count | None
    after: Count | None

    @property
    def was(self) -> str:
        return in_words(self.before)

    @property
    def is_now(self) -> str:
        """With its share, rounded down: 100 % means all."""
        share = percent(*self.after) if self.after else None
        return in_words(self.after) if share is None else f"{in_words(self.after)} ({share} %)"


@dataclass(frozen=True)
class Change:
    """A table with its seasons; or a phase, which is complete on a date only where all its tables are."""

    name: str
    parts: tuple[Part, ...]
    is_phase: bool = False


def changes(run: Run, after: Mapping[str, Any]) -> list[Change]:
    """The phases of the run, then its tables, in the order in which it fills them."""
    before = run.coverage_before
    steps = run.steps.order_by().values_list("phase", "table", "season")
    phases: dict[str, None] = {}
    tables: dict[str, dict[str, None]] = {}
    for phase, table, season, _ in steps.annotate(first=Min("position")).order_by("first"):
        phases.setdefault(phase)
        tables.setdefault(table, {}).setdefault(season)
    return [
        *(Change(f"Phase {phase}", (part("all tables", before, after, "phases", phase),), True) for phase in phases),
        *(
            Change(
                table.rpartition(".")[2],
                tuple(part(season, before, after, "tables", table, season) for season in sorted(seasons)),
            )
            for table, seasons in tables.items()
        ),
    ]


def part(name: str, before: Mapping[str, Any], after: Mapping[str, Any], *path: str) -> Part:
    return Part(name, counted(before, path), counted(after, path))


def counted(snapshot: Mapping[str, Any], path: tuple[str, ...]) -> Count | None:
    found: Any = snapshot
    for key in path:
        found = found.get(key, {})
    return (found[0], found[1]) if found else None


def in_words(count: Count | None) -> str:
    return f"{count[0]:,}/{count[1]:,}" if count else "not known"
