"""What holds for every test."""

from hypothesis import settings


def test_no_example_fails_for_being_slow():
    assert settings.default.deadline is None
