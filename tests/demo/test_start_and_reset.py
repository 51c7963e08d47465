"""bin/demo beside a demo that is running: it is not started again, and its data are not deleted."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from apps.workers.process_record import Record

pytestmark = pytest.mark.postgresql

ROOT = Path(__file__).resolve().parents[2]
ENV = "# Written by make demo, and written again at each start.\nPORT=8000\nBASE_URL=http://localhost:8000\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A checkout with a demo in it, which nobody serves."""
    shutil.copytree(ROOT / "bin", tmp_path / "bin")
    (tmp_path / "apps").symlink_to(ROOT / "apps")
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / ".env").write_text(ENV)
    (tmp_path / "var/demo").mkdir(parents=True)
    (tmp_path / "var/demo/console.sqlite3").write_text("what people did")
    return tmp_path


@pytest.fixture
def record(tree: Path) -> Record:
    """Held by this process, as by the launcher of a running demo."""
    record = Record(tree / "var/demo/serve.json")
    record.claim()
    return record


def demo(tree: Path, *arguments: str, port: int = 8001) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PORT": str(port), "PYTHON": sys.executable}
    return subprocess.run([tree / "bin/demo", *arguments], env=environment, capture_output=True, text=True)


def files(tree: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in [tree / ".env", *(tree / "var").rglob("*.*")]}


@pytest.mark.parametrize("arguments", [["reset"], []], ids=["reset", "start"])
def test_reset_and_start_are_refused_and_change_nothing_while_the_demo_is_running(tree, record, arguments):
    before = files(tree)

    refused = demo(tree, *arguments)

    assert refused.returncode == 1
    assert refused.stderr == (
        f"The demo is running at http://localhost:8000, served by process {os.getpid()}: "
        f"stop it with Ctrl-C, or with: kill {os.getpid()}\n"
    )
    assert refused.stdout == ""
    assert files(tree) == before


def test_reset_deletes_a_stopped_demo(tree, record):
    record.release()

    assert demo(tree, "reset").returncode == 0

    assert not (tree / "var/demo").exists()
    assert not (tree / ".env").exists()


def test_reset_deletes_a_demo_whose_launcher_was_killed(tree):
    claim = "Record(Path('serve.json')).claim()"
    launcher = f"from pathlib import Path; from apps.workers.process_record import Record; {claim}"
    folder = tree / "var/demo"
    subprocess.run(
        [sys.executable, "-c", launcher], cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=True
    )
    assert (folder / "serve.json").exists()

    assert demo(tree, "reset").returncode == 0

    assert not folder.exists()


def test_reset_keeps_the_data_if_the_demo_may_be_running(tree, record):
    (tree / "apps").unlink()

    refused = demo(tree, "reset")

    assert refused.returncode == 1
    assert "Whether the demo is running could not be found out" in refused.stderr
    assert "No module named 'apps'" in refused.stderr
    assert (tree / "var/demo/console.sqlite3").exists()


def test_reset_keeps_an_env_file_that_the_demo_did_not_write(tree):
    (tree / ".env").write_text("DEBUG=1\n")

    assert demo(tree, "reset").returncode == 0

    assert (tree / ".env").exists()
