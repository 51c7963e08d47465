"""Folders of the source stay small, and names of modules and functions in strings exist."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

import apps

APPS = Path(apps.__path__[0])
SOURCES = (APPS, APPS.parent / "backfill_console")
MOST = 20
# Tasks, schedules, settings and URLs name what they call in a string, which no tool checks.
DOTTED = re.compile(r'"((?:apps|backfill_console)(?:\.\w+){2,})"')


def names_in_strings() -> set[str]:
    files = [path for folder in SOURCES for path in folder.rglob("*.py") if path.parent.name != "migrations"]
    return {name for path in files for name in DOTTED.findall(path.read_text())}


def test_no_folder_has_more_modules_than_the_limit():
    modules = [path for path in APPS.rglob("*.py") if path.name != "__init__.py"]
    side_by_side = Counter(path.parent for path in modules if path.parent.name != "migrations")

    assert {str(folder): count for folder, count in side_by_side.items() if count > MOST} == {}


def test_tasks_are_named_in_strings():
    assert {"apps.runs.tasks.perform", "apps.workers.tasks.ping"} <= names_in_strings()


@pytest.mark.parametrize("name", sorted(names_in_strings()))
def test_a_name_in_a_string_exists(name):
    owner, _, last = name.rpartition(".")

    assert file_of(name).exists() or last in defined_in(file_of(owner))


def file_of(module: str) -> Path:
    return (APPS.parent / module.replace(".", "/")).with_suffix(".py")


def defined_in(file: Path) -> set[str]:
    tree = ast.parse(file.read_text())
    stored = {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    return stored | {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
