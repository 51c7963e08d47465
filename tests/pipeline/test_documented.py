"""docs/pipelines.md and the pipeline file say the same."""

import re
from pathlib import Path

import pytest

from apps.pipeline import definition

TEXT = (Path(__file__).parents[2] / "docs" / "pipelines.md").read_text()
FIRST_CELLS = " ".join(re.findall(r"^\|([^|]+)\|", TEXT, re.MULTILINE))
KEYS = set(re.findall(r"\w+", FIRST_CELLS))
WITHIN_VALUES = {"at_most", "bands", "between", "column", "from_day", "like", "lookback", "per_unit"}


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """The document's example, beside the SQL that it names."""
    (tmp_path / "sql").mkdir()
    (tmp_path / "sql" / "trend.sql").touch()
    path = tmp_path / "pipeline.toml"
    path.write_text(TEXT.partition("```toml\n")[2].partition("```")[0])
    return path


def test_the_example_can_be_used_as_it_is(example):
    assert [table.name for table in definition.read(example).filled] == ["daily.sales", "weekly.trend"]


def test_every_key_has_its_line():
    assert definition.known_keys() - KEYS <= WITHIN_VALUES


def test_every_key_within_a_value_is_shown():
    assert [key for key in sorted(WITHIN_VALUES) if f"{key} = " not in TEXT] == []
