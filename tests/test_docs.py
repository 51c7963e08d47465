"""What the documents name exists."""

import re
import tomllib
from pathlib import Path

import pytest
from django.core.management import get_commands

from apps.pipeline import definition
from apps.warehouse.sql.translation import for_duckdb

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("docs/*.md"), *ROOT.glob("*.md")])
PATHS = re.compile(r"(?:apps|backfill_console|bin|benchmarks|demo|tests)/[\w./]*\w")
MODULES = re.compile(
    r"(?<![\w/])(?:pipeline|warehouse|coverage|runs|alerts|workers|people)/(?:\w+/)*\w+(?![\w/.])"
)
each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)


def named(document: Path) -> set[str]:
    text = re.sub(r"\w+://\S+|var/\S+|\.venv/\S+", "", document.read_text())
    diagrams = "\n".join(line for line in text.splitlines() if line.startswith("    "))
    return set(PATHS.findall(text)) | {f"apps/{module}" for module in MODULES.findall(diagrams)}


def exists(name: str) -> bool:
    return any(ROOT.glob(name)) or (ROOT / f"{name}.py").exists()


@each_document
def test_every_path_that_a_document_names_exists(document):
    assert sorted(name for name in named(document) if not exists(name)) == []


def test_the_architecture_names_modules():
    assert {"apps/runs/control", "apps/coverage/scanning", "apps/runs/calls/jobs.py"} <= named(
        ROOT / "docs" / "architecture.md"
    )


def test_the_table_of_user_actions_lists_every_module_once():
    text = (ROOT / "docs" / "architecture.md").read_text()
    table = text.partition("## What a person does, and where")[2].partition("\n## ")[0]
    rows = "\n".join(line for line in table.splitlines() if line.startswith("| "))
    modules = [
        str(path.relative_to(ROOT / "apps"))
        for path in (ROOT / "apps").rglob("*.py")
        if "migrations" not in path.parts and not path.name.endswith(("__init__.py", "apps.py", "urls.py"))
    ]

    assert sorted(re.findall(r"`([\w/]+\.py)`", rows)) == sorted(modules)


DEFINED = re.compile(r"^ *(?:class|def) (\w+)|^([A-Z_]+) =", re.MULTILINE)


def test_the_architecture_names_functions_that_their_modules_define():
    modules: dict[str, set[str]] = {}
    for path in (ROOT / "apps").rglob("*.py"):
        defined = {name for pair in DEFINED.findall(path.read_text()) for name in pair if name}
        modules[path.stem] = modules.get(path.stem, {"py"}) | defined
    named = re.findall(r"`([a-z_]+)\.([a-z_]\w*)(?:\(\))?`", (ROOT / "docs" / "architecture.md").read_text())

    assert [f"{module}.{name}" for module, name in named if name not in modules.get(module, {name})] == []


# Commands ---------------------------------------------------------------------------------------------


@each_document
def test_every_command_that_a_document_names_exists(document):
    commands = set(re.findall(r"manage\.py ([a-z]\w*)", document.read_text()))

    assert sorted(commands - get_commands().keys()) == []


@each_document
def test_every_make_target_that_a_document_names_exists(document):
    told = re.findall(r"(?:^ {4}|`)make ([a-z-]+)", document.read_text(), re.MULTILINE)
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)

    assert sorted(set(told) - set(targets)) == []


# Links ------------------------------------------------------------------------------------------------


def links(document: Path) -> set[str]:
    return set(re.findall(r"\]\(((?!\w+:)[^)\s]+)\)", document.read_text()))


def leads_somewhere(document: Path, link: str) -> bool:
    path, _, heading = link.partition("#")
    target = document.parent / path if path else document
    return target.exists() and (not heading or heading in headings(target))


def headings(document: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@each_document
def test_every_link_to_another_document_resolves(document):
    assert sorted(link for link in links(document) if not leads_somewhere(document, link)) == []


# What is shown of BigQuery ------------------------------------------------------------------------------

BIGQUERY = (ROOT / "docs" / "bigquery.md").read_text()
PARTS_OF_A_FILE = re.findall(r"^ {4,7}\[+[a-z.]+\]+\n(?:^ {4,7}\w+ = .+\n)+", BIGQUERY, re.MULTILINE)


def test_bigquery_is_shown_with_parts_of_a_pipeline_file():
    assert len(PARTS_OF_A_FILE) >= 5


@pytest.mark.parametrize("part", PARTS_OF_A_FILE)
def test_every_key_that_is_shown_is_one_of_the_pipeline_file(part):
    tomllib.loads(part)

    assert set(re.findall(r"^ *(\w+) = ", part, re.MULTILINE)) <= definition.known_keys()


@pytest.mark.parametrize("script", re.findall(r"```sql\n(.+?)```", BIGQUERY, re.DOTALL))
def test_every_script_that_is_shown_can_be_read(script):
    assert for_duckdb(script)


@pytest.mark.parametrize(
    "reason", sorted(set(re.findall(r"`(\w+(?:Exceeded|Error|Found|Query|Denied))`", BIGQUERY)))
)
def test_every_documented_error_reason_is_known_to_the_code_or_the_stand_in(reason):
    known = (ROOT / "apps/warehouse/bigquery/errors.py").read_text() + (
        ROOT / "tests/standins/bigquery/refusals.py"
    ).read_text()

    assert f'"{reason}"' in known
