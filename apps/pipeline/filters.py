"""What an address chooses of a list or a map, as far as the pipeline file knows it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlencode

from apps.pipeline.definition import UnknownName

LONGEST_SHOWN = 60


class Named(Protocol):
    @property
    def name(self) -> str: ...


@dataclass(frozen=True, kw_only=True)
class Filter(ABC):
    """What a person looks at. What is not known (any more) chooses nothing; `problem` says so, as a sentence."""

    problem: str = ""

    @property
    @abstractmethod
    def named(self) -> dict[str, str]:
        """What is chosen, by its name in an address; empty where nothing is."""

    @property
    def query(self) -> str:
        """What is chosen, as parameters of an address."""
        return urlencode({name: value for name, value in self.named.items() if value})

    @property
    def is_on(self) -> bool:
        return bool(self.query)


def known(lookup: Callable[[str], Named], name: str) -> str:
    """The name; empty where the lookup does not know it."""
    try:
        return lookup(name).name if name else ""
    except UnknownName:
        return ""


def one_of(choices: Mapping[str, Any] | tuple[str, ...], name: str) -> str:
    return name if name in choices else ""


def problem(asked: Mapping[str, Any], taken: Mapping[str, str]) -> str:
    """What was asked for and not taken, as a sentence; empty where all was. `taken` has every name there may be."""
    lost = [
        f'{name} "{asked[name][:LONGEST_SHOWN]}"'
        for name, value in taken.items()
        if asked.get(name) and not value
    ]
    return f"There is no {', and no '.join(lost)}; that is left out of the choice." if lost else ""
