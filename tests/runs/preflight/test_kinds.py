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


def test_registry_has_exactly_the_kinds_of_checks_of_the_schema():
    assert sorted(registry.KINDS) == KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_check_is_documented(kind):
    assert f"\n| `{kind}` | whether " in TEXT


def test_kinds_that_need_no_configuration_are_built_in():
    assert set(KINDS) - {kind_of(each) for each in BUILT_IN} == {"command", "dataset", "dry_run", "http"}
