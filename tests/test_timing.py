"""The times of the console fit each other, and each is in one place."""

import ast
from pathlib import Path

import pytest

from apps import timing

APPS = Path(timing.__file__).parent


def test_the_times_fit_each_other():
    assert timing.contradictions() == []


def test_a_lease_shorter_than_the_heartbeat_is_a_contradiction(monkeypatch):
    monkeypatch.setattr(timing, "LEASE_HEARTBEAT_EVERY", 60.0)

    assert "A lease outlives three missed heartbeats." in timing.contradictions()


@pytest.mark.parametrize("name", sorted(name for name in vars(timing) if name.isupper()))
def test_each_time_is_used(name):
    assert any(f"timing.{name}" in file.read_text() for file in APPS.rglob("*.py")), name


def spans_at_the_top(file: Path) -> list[str]:
    """Constants of a module that are made of `timedelta(...)`."""
    return [
        f"{file.relative_to(APPS)}: {ast.unparse(node)}"
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.Assign) and "timedelta(" in ast.unparse(node.value)
    ]


def test_no_other_module_has_a_span_of_time_of_its_own():
    others = (file for file in APPS.rglob("*.py") if file.name != "timing.py")

    assert [span for file in others for span in spans_at_the_top(file)] == []
