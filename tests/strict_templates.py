"""Makes a template fail that names what its object does not have; Django shows nothing there and takes it for false."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.template.base import Variable, VariableDoesNotExist
from django.template.context import BaseContext

resolve_of_django = Variable._resolve_lookup


class NoSuchAttribute(AssertionError):
    pass


def resolve(variable: Variable, context: BaseContext) -> Any:
    """What `Variable._resolve_lookup` returns. Names that a template was not given stay empty, and so do keys."""
    try:
        return resolve_of_django(variable, context)
    except VariableDoesNotExist:
        owner = owner_of(variable, context)
        if owner is None or isinstance(owner, str | Mapping | Sequence):
            raise
        raise NoSuchAttribute(
            f"{'.'.join(variable.lookups)}: {type(owner).__name__} has no such attribute"
        ) from None


def owner_of(variable: Variable, context: BaseContext) -> Any:
    """The object whose attribute is missing; None if it is missing itself."""
    if len(variable.lookups) < 2:
        return None
    try:
        return Variable(".".join(variable.lookups[:-1])).resolve(context)
    except VariableDoesNotExist:
        return None
