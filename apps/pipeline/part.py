"""The base class of every section of the pipeline file."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel, ConfigDict


class Definition(BaseModel):
    """A section of the pipeline file: frozen, and strict about unknown keys."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, arbitrary_types_allowed=True
    )


def kinds(of: type[Definition] = Definition) -> Iterator[type[Definition]]:
    """All subclasses."""
    for part in of.__subclasses__():
        yield part
        yield from kinds(part)
