"""The times of the console fit each other, and each is in one place."""

import ast
from pathlib import Path

import pytest

from apps import timing

APPS = Path(timing.__file__).parent


LEASE, SILENT = timing.LEASE.total_seconds(), timing.SILENT_AFTER.total_seconds()
RULES = {
    "A lease outlives three missed heartbeats.": LEASE > 3 * timing.LEASE_HEARTBEAT_EVERY,
    "A lease outlives the retries of the console's database.": LEASE > timing.DB_RETRY_FOR,
    "A worker is silent after three missed heartbeats.": 3 * timing.HEARTBEAT_EVERY.total_seconds() < SILENT,
    "Requests are read more often than the lease is renewed.": timing.REQUESTS_READ_EVERY
    < timing.LEASE_HEARTBEAT_EVERY,
    "The launcher's grace is longer than a job's.": timing.JOB_GRACE < timing.LAUNCHER_GRACE,
    "A check's grace is longer than a job's.": timing.JOB_GRACE < timing.CHECK_GRACE,
    "A cluster has more time for a ping than between two.": timing.PING_EVERY < timing.PING_TIMEOUT,
    "Pauses grow.": timing.LONGEST_PAUSE.total_seconds() > timing.SHORTEST_PAUSE,
    "Waits before a restart grow.": timing.SHORTEST_RESTART_WAIT < timing.LONGEST_RESTART_WAIT,
    "A task works for a slice of the longest call.": timing.SLICE < timing.LONGEST_CALL,
    "The launcher ticks before a lease runs out.": timing.LAUNCHER_TICKS_EVERY < LEASE,
}


@pytest.mark.parametrize("rule", RULES)
def test_the_times_fit_each_other(rule):
    assert RULES[rule]


@pytest.mark.parametrize("name", sorted(name for name in vars(timing) if name.isupper()))
def test_each_time_is_used(name):
    files = (*APPS.rglob("*.py"), APPS.parent / "backfill_console" / "settings.py")
    assert any(f"timing.{name}" in file.read_text() for file in files), name


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
