"""What holds for every test."""

import re
from pathlib import Path

import pytest
from hypothesis import settings

TESTS = Path(__file__).parent
ROOT = TESTS.parent


def test_hypothesis_examples_have_no_deadline():
    assert settings.default.deadline is None


@pytest.mark.parametrize(
    ("variable", "marks"),
    [("with_processes", r"mark\.(processes|chaos)\b"), ("in_browser", r"mark\.journey\b")],
)
def test_bin_test_collects_from_every_place_that_has_tests_with_the_mark(variable, marks):
    places = re.search(rf'^{variable}="(.+)"$', (ROOT / "bin/test").read_text(), re.MULTILINE)
    assert places
    listed = [ROOT / place for place in places[1].split()]
    marked = [path for path in sorted(TESTS.rglob("test_*.py")) if re.search(marks, path.read_text())]

    assert [module for module in marked if not any(module.is_relative_to(place) for place in listed)] == []
    assert [place for place in listed if not any(module.is_relative_to(place) for module in marked)] == []
