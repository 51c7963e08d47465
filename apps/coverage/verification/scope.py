"""Which tables and dates a verification is about, and the form that names them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from apps.pipeline import scope as scopes
from apps.pipeline.definition import Pipeline
from apps.pipeline.form_fields import ScopeForm
from apps.pipeline.scope import Scope


@dataclass(frozen=True)
class EveryDay(Scope):
    """All days from start to end, those between two seasons too: rows there are unexpected."""

    def __contains__(self, date: dt.date) -> bool:
        return self.start <= date <= self.end


def scope(
    pipeline: Pipeline,
    *,
    phases: Iterable[str] = (),
    tables: Iterable[str] = (),
    seasons: Iterable[str] = (),
    start: dt.date | None = None,
    end: dt.date | None = None,
) -> Scope:
    """What to verify; UnknownName or DoesNotFit where the names or dates have no sense together."""
    named = list(seasons)
    found = scopes.scope(pipeline, phases=phases, tables=tables, seasons=named, start=start, end=end)
    return found if named else EveryDay(found.tables, found.seasons, found.start, found.end)


class VerifyForm(ScopeForm):
    def find_scope(self, **names: Any) -> Scope:
        return scope(self.pipeline, **names)
