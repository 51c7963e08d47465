"""What every part of the pipeline file is: frozen, and strict about keys it does not know."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel, ConfigDict


class Definition(BaseModel):
    """A part of the pipeline file: frozen, and strict about keys it does not know."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, arbitrary_types_allowed=True
    )


def kinds(of: type[Definition] = Definition) -> Iterator[type[Definition]]:
    """Every kind of part that there is."""
    for part in of.__subclasses__():
        yield part
        yield from kinds(part)
