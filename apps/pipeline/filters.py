"""The filters of a list or a map in a URL, with names of the pipeline file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from apps.pipeline.definition import UnknownName
from apps.pipeline.sections import Phase, Season, Table

LONGEST_SHOWN = 60


@dataclass(frozen=True, kw_only=True)
class Filter(ABC):
    """The filters of a page. An unknown name filters nothing; `problem` is a sentence about it."""

    problem: str = ""

    @property
    @abstractmethod
    def named(self) -> dict[str, str]:
        """The values by parameter name; empty if not chosen."""

    @property
    def query(self) -> str:
        """The chosen values as a query string."""
        return urlencode({name: value for name, value in self.named.items() if value})

    @property
    def is_on(self) -> bool:
        return bool(self.query)


def known(lookup: Callable[[str], Phase | Season | Table], name: str) -> str:
    """The name; empty if the lookup does not know it."""
    try:
        return lookup(name).name if name else ""
    except UnknownName:
        return ""


def one_of(choices: Mapping[str, Any] | tuple[str, ...], name: str) -> str:
    return name if name in choices else ""


def problem(asked: Mapping[str, Any], taken: Mapping[str, str]) -> str:
    """A sentence about requested values that were not taken; empty without any. `taken` has every possible name."""
    lost = [
        f'{name} "{asked[name][:LONGEST_SHOWN]}"'
        for name, value in taken.items()
        if asked.get(name) and not value
    ]
    return f"There is no {', and no '.join(lost)}; that is left out of the choice." if lost else ""
