"""Frozen dataclasses to JSON and back, by the types of their fields."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from enum import Enum
from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints


def dump(found: Any) -> dict[str, Any]:
    """What a JSON field, with Django's encoder, can keep."""
    return asdict(found)


def load(kind: Any, value: Any) -> Any:
    """The object that was dumped. A field that is new since then has its default, one that is gone is left out."""
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        return None if value is None else load(get_args(kind)[0], value)
    if origin is tuple:
        return tuple(load(get_args(kind)[0], each) for each in value)
    if origin is dict:
        return {key: load(get_args(kind)[1], each) for key, each in value.items()}
    if is_dataclass(kind):
        return filled(kind, value)
    if issubclass(kind, tuple):  # a NamedTuple
        return kind(*(load(each, part) for each, part in zip(hints(kind).values(), value, strict=False)))
    return plain(kind, value)


def filled(kind: Any, value: Mapping[str, Any]) -> Any:
    types = hints(kind)
    return kind(**{name: load(types[name], each) for name, each in value.items() if name in types})


def plain(kind: type, value: Any) -> Any:
    if issubclass(kind, (dt.date, dt.datetime)):
        return kind.fromisoformat(value)
    return kind(value) if issubclass(kind, Enum) else value


@cache
def hints(kind: type) -> Mapping[str, Any]:
    return get_type_hints(kind)
