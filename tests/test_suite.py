"""What holds for every test."""

from hypothesis import settings


def test_hypothesis_examples_have_no_deadline():
    assert settings.default.deadline is None
