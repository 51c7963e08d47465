"""Every kind of check that the pipeline file may have can be asked, and is explained."""

from pathlib import Path
from typing import get_args

import pytest

from apps.pipeline import check_kinds
from apps.runs.preflight import registry
from apps.runs.preflight.selection import BUILT_IN, kind_of

UNION, _ = get_args(check_kinds.AnyCheck)
KINDS = sorted(each.model_fields["kind"].default for each in get_args(UNION))
TEXT = (Path(__file__).parents[3] / "docs" / "pipelines.md").read_text()


def test_each_can_be_performed_and_no_other():
    assert sorted(registry.KINDS) == KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_the_document_has_its_line(kind):
    assert f"\n| `{kind}` | whether " in TEXT


def test_those_that_need_no_words_of_the_file_are_built_in():
    assert set(KINDS) - {kind_of(each) for each in BUILT_IN} == {"command", "dataset", "dry_run", "http"}
