"""What the documents name exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("docs/*.md"), *ROOT.glob("*.md")])
PATHS = re.compile(r"(?:apps|backfill_console|bin|benchmarks|demo|tests)/[\w./]*\w")
MODULES = re.compile(
    r"(?<![\w/])(?:pipeline|warehouse|coverage|runs|alerts|workers|people)/(?:\w+/)*\w+(?![\w/.])"
)


def named(document: Path) -> set[str]:
    text = re.sub(r"\w+://\S+|var/\S+|\.venv/\S+", "", document.read_text())
    diagrams = "\n".join(line for line in text.splitlines() if line.startswith("    "))
    return set(PATHS.findall(text)) | {f"apps/{module}" for module in MODULES.findall(diagrams)}


def exists(name: str) -> bool:
    return any(ROOT.glob(name)) or (ROOT / f"{name}.py").exists()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_path_that_a_document_names_exists(document):
    assert sorted(name for name in named(document) if not exists(name)) == []


def test_the_architecture_names_modules():
    assert {"apps/runs/control", "apps/coverage/scanning", "apps/runs/jobs.py"} <= named(
        ROOT / "docs" / "architecture.md"
    )
