"""The demo's data for the benchmarks, in a folder of its own: built, scanned and with the test run performed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def environment(folder: Path | None = None) -> dict[str, str]:
    """The environment of a process that works on a demo in this folder, or in a new one."""
    folder = folder or Path(tempfile.mkdtemp(prefix="backfill-benchmark-"))
    return {
        **os.environ,
        "DEBUG": "0",
        "DEMO": "1",
        "SECRET_KEY": "benchmark",
        "VAR_DIR": str(folder),
        "DATABASE_URL": f"sqlite:///{folder}/console.sqlite3",
        "DEMO_WAREHOUSE": str(folder / "warehouse.duckdb"),
        "PIPELINE": "demo/pipeline.toml",
        "OUTBOX_DIR": str(folder / "outbox"),
        "EMAIL_URL": "",
        "LOG_LEVEL": "ERROR",
        "DJANGO_SETTINGS_MODULE": "backfill_console.settings",
    }


def copied(env: dict[str, str]) -> dict[str, str]:
    """The environment of a copy of that demo."""
    copy = environment()
    shutil.copytree(env["VAR_DIR"], copy["VAR_DIR"], dirs_exist_ok=True)
    return copy


def build(env: dict[str, str]) -> None:
    """Warehouse, database, people, static files and a first scan."""
    python(env, "demo/build.py", "--path", env["DEMO_WAREHOUSE"])
    python(env, "manage.py", "collectstatic", "--noinput", "--verbosity", "0")
    python(env, "manage.py", "migrate", "--verbosity", "0")
    python(env, "manage.py", "ensure_people", "--demo")
    python(env, "manage.py", "scan")


def python(env: dict[str, str], *words: str) -> None:
    subprocess.run([sys.executable, *words], cwd=ROOT, env=env, check=True, stdout=subprocess.DEVNULL)


TEST_RUN = ("backfill", "--phase", "3", "--start", "2024-01-15", "--end", "2024-01-28", "--yes")
