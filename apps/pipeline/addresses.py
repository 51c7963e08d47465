"""What an address asks for by name, as far as the pipeline knows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from apps.pipeline.definition import UnknownName

LONGEST_SHOWN = 60


class Named(Protocol):
    @property
    def name(self) -> str: ...


def known(lookup: Callable[[str], Named], name: str) -> str:
    """The name, or nothing where nobody knows it (any more)."""
    try:
        return lookup(name).name if name else ""
    except UnknownName:
        return ""


def problem(asked: Mapping[str, Any], taken: Mapping[str, str]) -> str:
    """What was asked for and not taken, as a sentence; empty where all was. `taken` has every name there may be."""
    lost = [
        f'{name} "{asked[name][:LONGEST_SHOWN]}"'
        for name, value in taken.items()
        if asked.get(name) and not value
    ]
    return f"There is no {', and no '.join(lost)}; that is left out of the choice." if lost else ""
