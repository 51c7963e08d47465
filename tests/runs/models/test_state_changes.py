"""Only the model of a run writes what state the run is in."""

import ast
from pathlib import Path

import pytest

import apps
from apps.runs.models import Run, transitions

APPS = Path(apps.__path__[0])
STATE = {
    "status",
    "request",
    "pause_reason",
    "message",
    "again_at",
    "waits",
    "released_phases",
    "override_reason",
}
OTHERS = [
    file
    for file in sorted(APPS.rglob("*.py"))
    if file.parent != APPS / "runs" / "models" and "migrations" not in file.parts
]


def writes(file: Path) -> list[str]:
    """Updates of runs' state, moves and saves of a run in a module, as they stand there."""
    found = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            text = ast.unparse(node.func)
            updates_runs = node.func.attr in ("update", "bulk_update") and "Run.objects" in text
            if updates_runs or text.endswith(("run._move", "run._change", "run.save")):
                found.append(ast.unparse(node))
        targets = node.targets if isinstance(node, ast.Assign) else []
        found += [ast.unparse(node) for each in targets if is_state_of_a_run(each)]
    return found


def is_state_of_a_run(target: ast.expr) -> bool:
    return (
        isinstance(target, ast.Attribute)
        and target.attr in STATE
        and ast.unparse(target.value).endswith("run")
    )


def test_no_other_module_writes_the_state_of_a_run():
    assert [write for file in OTHERS for write in writes(file)] == []


def test_direct_state_write_is_detected(tmp_path):
    file = tmp_path / "bad.py"
    file.write_text(
        "Run.objects.filter(pk=1).update(status='failed')\nself.run.status = 'failed'\nrun.save()\n"
    )

    assert len(writes(file)) == 3


def test_every_status_has_its_transitions():
    assert set(transitions.TRANSITIONS) == set(Run.Status)


@pytest.mark.parametrize("status", [Run.Status.SUCCEEDED, Run.Status.FAILED, Run.Status.CANCELLED])
def test_nothing_follows_the_end_of_a_run(status):
    assert not transitions.TRANSITIONS[status]
