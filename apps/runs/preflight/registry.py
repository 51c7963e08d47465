"""The functions that perform checks, by kind: whoever knows how to ask one registers it here."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from apps.runs.preflight.facts import Facts
from apps.runs.preflight.finding import Finding

Ask = Callable[[Any, Facts], Iterable[Finding]]

QUARTER_OF_AN_HOUR = 900
MINUTE = 60


@dataclass(frozen=True)
class Kind:
    """How a kind of check is asked, whether it needs the warehouse's counts, and how long its answer is good.

    `grace` are seconds beside its timeout, for one that ends by itself what it called.
    """

    name: str
    ask: Ask
    asks_warehouse: bool
    valid_for: int
    grace: float = 0.0


_kinds: dict[str, Kind] = {}


def check(
    name: str,
    *,
    asks_warehouse: bool = False,
    valid_for: int = QUARTER_OF_AN_HOUR,
    grace: float = 0.0,
) -> Callable[[Ask], Ask]:
    """Registers a function `(definition, facts) -> findings` for a kind of `[[check]]`."""

    def register(ask: Ask) -> Ask:
        _kinds[name] = Kind(name, ask, asks_warehouse, valid_for, grace)
        return ask

    return register


def kind(name: str) -> Kind | None:
    """None where nobody knows how to ask such a check."""
    importlib.import_module("apps.runs.preflight.kinds")  # which registers its own
    return _kinds.get(name)
