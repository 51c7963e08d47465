"""Errors of a pipeline file as sentences: key, value and remedy."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

LONGEST_SHOWN = 60  # letters of a value in a sentence


class Disagreement(ValueError):
    """Sections that are valid alone but do not fit together; a sentence each."""

    def __init__(self, problems: list[str]):
        self.problems = problems
        super().__init__("; ".join(problems))


def sentences(error: ValidationError, values: dict[str, Any], *, known: Collection[str]) -> list[str]:
    """Pydantic's errors as sentences: key, value, remedy."""
    found = [
        in_one_line(sentence)
        for item in error.errors(include_url=False)
        if not is_echo(item)
        for sentence in sentences_of(item, key_path(item["loc"], values), known)
    ]
    return list(dict.fromkeys(found))


def is_echo(item: Any) -> bool:
    """Whether a list counts as too short only because an item is invalid, which has its own error.

    Pydantic drops invalid items before it counts.
    """
    is_list = not isinstance(
        item["input"], str
    )  # of a text the input is what was written, before it was expanded
    return is_list and item["type"] == "too_short" and len(item["input"]) >= item["ctx"]["min_length"]


def sentences_of(item: Any, key: str, known: Collection[str]) -> list[str]:
    cause = item.get("ctx", {}).get("error")
    if isinstance(cause, Disagreement):
        return cause.problems
    if item["type"] == "missing":
        return [f"{key} is missing; add {header(item['loc'])}"]
    if item["type"] == "extra_forbidden":
        return [f"{key}: unknown key; {better_name(item['loc'][-1], known)}"]
    if item["type"] == "union_tag_not_found":
        return [f"{key} > {tag(item)} is missing; add it"]
    if item["type"] == "union_tag_invalid":
        expected = item["ctx"]["expected_tags"].replace("'", '"')
        return [
            f"{key} > {tag(item)} = {shown(item['input'][tag(item)])} is not known; write one of {expected}"
        ]
    says = str(cause) if cause else remedy(item)
    value = shown(item["input"])
    if value:
        return [f"{key} = {value} {says}"]
    return [f"{key} {says}" if says.startswith("is ") else f"{key}: {says}"]


def tag(item: Any) -> str:
    """The key that selects the kind of a section."""
    return str(item["ctx"]["discriminator"]).strip("'")


def key_path(location: tuple[int | str, ...], values: Any) -> str:
    """`table "x.y" > job > batch`: list items are shown by their names."""
    words: list[str] = []
    for before, part in zip((None, *location), location, strict=False):
        if is_tag(before, part, values):
            continue  # pydantic adds the kind of the section, which is no key
        values = step_into(values, part)
        if isinstance(part, str):
            words += [part] if part != "[key]" else []
        elif isinstance(values, dict) and isinstance(values.get("name"), str):
            words[-1] += f" {shown(values['name'])}"
        else:
            words[-1] += f"[{part + 1}]"
    return " > ".join(words)


def is_tag(before: int | str | None, part: int | str, values: Any) -> bool:
    if not isinstance(values, dict):
        return False
    return part == (
        values.get("kind") if isinstance(before, int) else before == "warehouse" and values.get("engine")
    )


def step_into(values: Any, part: int | str) -> Any:
    try:
        return values[part]
    except (KeyError, IndexError, TypeError):
        return None


def header(location: tuple[int | str, ...]) -> str:
    """What to add for a missing key: a section of the file, or just `it`."""
    sections = {"warehouse": "[warehouse]", "calendar": "[calendar]"}
    lists = {name: f"at least one [[{name}]]" for name in ("season", "phase", "table")}
    return (sections | lists).get(str(location[0]), "it") if len(location) == 1 else "it"


def better_name(key: int | str, known: Collection[str]) -> str:
    close = get_close_matches(str(key), known, n=1)
    return f"did you mean {close[0]}? Correct or remove it" if close else "remove it or correct its name"


def remedy(item: Any) -> str:
    """What is wrong with a value, and what to write instead."""
    limit: Callable[[str], str] = lambda name: f"{item['ctx'][name]:,g}"  # noqa: E731
    is_section = isinstance(item["input"], dict)
    match item["type"]:
        case "greater_than_equal":
            return f"is too small; write {limit('ge')} or more"
        case "greater_than":
            return f"is too small; write more than {limit('gt')}"
        case "less_than_equal":
            return f"is too large; write {limit('le')} or less"
        case "int_type" | "int_parsing_size":
            return "is not a whole number; write one such as 3"
        case "float_type" | "finite_number":
            return "is not a number; write one such as 0.9"
        case "string_type":
            return "is not text; write it in quotes"
        case "string_too_short" | "too_short":
            return "is empty; fill it in"
        case "string_too_long" | "too_long":
            return f"is too long; write at most {limit('max_length')} letters"
        case "literal_error":
            return f"is not known; write {item['ctx']['expected']}".replace("'", '"')
        case "tuple_type":
            name = item["loc"][-1]
            return (
                f"is one section; write [[{name}]] with two brackets"
                if is_section
                else "is not a list; write [...]"
            )
        case "model_type" | "model_attributes_type" | "dict_type" | "mapping_type":
            return "is not a section of keys; write it as { key = value, ... } or below a line [key]"
        case _:
            return f"cannot be used ({item['msg'][:1].lower()}{item['msg'][1:]}); correct it"


def shown(value: Any) -> str:
    """A value as the file has it, cut where it is long; empty for whole sections."""
    match value:
        case bool():
            text = str(value).lower()
        case str():
            text = f'"{value}"'
        case int() if value.bit_length() > 64:
            text = "a number with many digits"
        case int() | float() | dt.date() | dt.time():
            text = str(value)
        case list() if all(isinstance(each, (str, int, float)) for each in value):
            text = f"[{', '.join(shown(each) for each in value[:LONGEST_SHOWN])}]"
        case _:
            return ""
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 1]}…"


def in_one_line(text: str) -> str:
    """The text on one line of printable letters, whatever the file contains."""
    return "".join(letter if letter.isprintable() else "�" for letter in " ".join(text.split()))
