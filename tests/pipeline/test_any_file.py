"""Whatever a file contains: it is a pipeline, or there are sentences about it. Nothing else ever happens."""

import copy
import datetime as dt
import random
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from apps.pipeline import definition
from apps.pipeline.definition import PipelineError
from tests.conftest import PIPELINES

GOOD = tomllib.loads((PIPELINES / "shop.toml").read_text())
often = settings(max_examples=150, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    (folder / "jobs").mkdir()
    (folder / "jobs" / "trend.sql").touch()
    return folder / "any.toml"


def is_pipeline_or_sentences(path: Path) -> None:
    try:
        problems = None if definition.read(path) else []
    except PipelineError as error:
        problems = error.problems
    assert problems is None or problems
    assert all(problem.isprintable() and len(problem.split()) > 1 for problem in problems or ())


# Values and places --------------------------------------------------------------------------------

WORDS = [
    "",
    "daily.sales",
    "raw.orders",
    "weekly.trend",
    "{start}",
    "{x}",
    "1m",
    "duckdb",
    "list",
    "a\nb",
    "\0",
    "3",
    "${X}",
]
scalars = st.one_of(
    st.booleans(),
    st.integers(),
    st.integers(-2, 3),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(WORDS),
    st.dates(),
    st.datetimes(),
    st.times(),
)
keys = st.text(max_size=5) | st.sampled_from(WORDS)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, at: tuple = ()) -> list[tuple]:
    """The paths to everything in a nest of dicts and lists."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, each in inner for place in ((*at, key), *places(each, (*at, key)))]


def spoiled(chance: random.Random, news: list[Any]) -> dict[str, Any]:
    """The shop's values with one change for each of `news`: put in its place, left out, added, or doubled."""
    changed = copy.deepcopy(GOOD)
    for new in news:
        *way, last = chance.choice(places(changed) or [("name",)])
        parent = changed
        for key in way:
            parent = parent[key]
        match chance.choice(("replace", "delete", "add", "double")):
            case "delete":
                parent.pop(last, None) if isinstance(parent, dict) else parent.pop(last)
            case "double" if isinstance(parent, list):
                parent.append(copy.deepcopy(parent[last]))
            case "add" if isinstance(parent, dict):
                parent[chance.choice(["batch", "name", "opening", "after", "x", "sql"])] = new
            case _:
                parent[last] = new
    return changed


def toml(value: Any) -> str:
    """Any value as TOML, sections inline."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return '"' + "".join(f"\\U{ord(letter):08x}" for letter in value) + '"'
        case dict():
            return "{" + ", ".join(f"{toml(key)} = {toml(each)}" for key, each in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(toml, value)) + "]"
        case dt.date() | dt.time():
            return value.isoformat()
    return repr(value)


# Facts --------------------------------------------------------------------------------------------


@often
@given(st.randoms(use_true_random=False), st.lists(values, min_size=1, max_size=3))
def test_a_file_with_any_changes_is_a_pipeline_or_a_list_of_problems(path, chance, news):
    path.write_text("\n".join(f"{toml(key)} = {toml(value)}" for key, value in spoiled(chance, news).items()))

    is_pipeline_or_sentences(path)


@often
@given(st.text())
@example("a.b = 1\na = 2")
def test_any_text_is_a_pipeline_or_a_list_of_problems(path, text):
    path.write_text(text, encoding="utf-8", errors="replace")

    is_pipeline_or_sentences(path)


@often
@given(st.binary())
def test_any_bytes_are_a_pipeline_or_a_list_of_problems(path, content):
    path.write_bytes(content)

    is_pipeline_or_sentences(path)


@often
@given(st.permutations(GOOD["table"]))
def test_tables_are_filled_after_their_inputs_however_they_are_written(path, tables):
    found = definition.build({**GOOD, "table": list(tables)}, path)

    order = [table.name for table in found.filled]
    assert all(
        order.index(needed.table) < order.index(table.name)
        for table in found.filled
        for needed in table.after
    )


# Mistakes of one kind, in every shape ---------------------------------------------------------------

NAMES = [table["name"] for table in GOOD["table"]]
LEVELS = [(), *(place for place in places(GOOD) if place[-1] != "env")]


def said_of(path: Path, changed: dict[str, Any]) -> list[str]:
    """The sentences about a file of these values; there are some, and each can be read."""
    path.write_text("\n".join(f"{toml(key)} = {toml(value)}" for key, value in changed.items()))
    with pytest.raises(PipelineError) as caught:
        definition.read(path)
    assert all(problem.isprintable() and len(problem.split()) > 1 for problem in caught.value.problems)
    return caught.value.problems


def at(values: Any, place: tuple) -> Any:
    for key in place:
        values = values[key]
    return values


@often
@given(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
def test_a_cycle_of_inputs_is_reported_with_all_its_tables(path, ring):
    changed = copy.deepcopy(GOOD)
    for name, needed in zip(ring, [*ring[1:], ring[0]], strict=True):
        changed["table"][NAMES.index(name)]["after"] = [needed]

    (circle,) = [says for says in said_of(path, changed) if "after goes in a circle" in says]
    assert all(name in circle for name in ring)


@often
@given(st.sampled_from(["daily.sales", "daily.visits", "weekly.trend"]), st.text() | st.sampled_from(WORDS))
def test_a_comparison_with_a_nonexistent_table_is_reported(path, name, other):
    changed = copy.deepcopy(GOOD)
    changed["table"][NAMES.index(name)]["rows"] = {"like": other if other not in NAMES else "no.where"}

    assert any("like" in says and name in says for says in said_of(path, changed))


@often
@given(st.lists(st.dates(dt.date(1990, 1, 1), dt.date(2100, 1, 1)), min_size=4, max_size=4, unique=True))
def test_overlapping_seasons_are_reported(path, dates):
    first, second, third, last = sorted(dates)
    seasons = [{"name": "a", "start": first, "end": third}, {"name": "b", "start": second, "end": last}]

    assert said_of(path, {**GOOD, "season": seasons}) == [
        f'season "b" starts {second}, before season "a" ends {third}; '
        "a date belongs to one season, so move one of the two"
    ]


@often
@given(
    st.sampled_from([place for place in LEVELS if isinstance(at(GOOD, place), dict)]), st.text(max_size=20)
)
def test_an_unknown_key_is_reported_at_every_level(path, place, word):
    changed = copy.deepcopy(GOOD)
    at(changed, place)[f"x{word}x"] = 1

    (says,) = said_of(path, changed)
    assert "unknown key" in says
