"""The speed-up by lanes: `python -m tests.postgres python -m benchmarks.lanes`; exits 1 if four give less than 3.6.

Two runs, one after the other, of jobs that wait half a second, one date per call, on a warehouse that allows many
writers: with one lane and with four. Four real workers perform both, on the database of DATABASE_URL, within
two minutes on one machine. A run's time is from its start to its end, including the start of its lanes.
"""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STEPS = 80
SECONDS = 0.5  # of a job
LANES = 4
LEAST = 3.6
TIMEOUT = 300.0
SERVE = ("manage.py", "serve", "--only", "runs", "--runs-workers", str(LANES))
FIRST = dt.date(2024, 1, 1)

PIPELINE = f"""
name = "Lanes"
[warehouse]
engine = "duckdb"
path = "shelf"
[calendar]
every = "day"
[[season]]
name = "all"
start = {FIRST}
end = {FIRST + dt.timedelta(days=2 * STEPS - 1)}
[[phase]]
name = "1"
[[table]]
name = "shop.orders"
phase = "1"
date_column = "day"
parallel = {LANES}
rows = {{ between = [4, 4] }}
[table.job]
command = ["{{python}}", "-I", "-S", "job.py", "shelf/shop.orders/{{start}}.csv"]
"""
JOB = f"""
import os, sys, time
time.sleep({SECONDS})
path = sys.argv[1]
with open(path + ".draft", "w") as draft:
    draft.writelines(f"{{path[-14:-4]}},{{item}}\\n" for item in range(4))
os.replace(path + ".draft", path)
"""


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="backfill-benchmark-") as name:
        prepare(Path(name))
        serving = subprocess.Popen([sys.executable, *SERVE], cwd=ROOT)
        try:
            wait_for_workers()
            alone, together = seconds_of(1), seconds_of(LANES)
        finally:
            serving.terminate()
            serving.wait()
    ratio = alone / together
    print(
        f"{STEPS} steps of {SECONDS} s: {alone:.1f} s with 1 lane, {together:.1f} s with {LANES}: {ratio:.2f} times"
    )
    return 0 if ratio >= LEAST else 1


def prepare(folder: Path) -> None:
    """Create shelf, pipeline file and tables, and set up Django on them for this and every child process."""
    (folder / "lanes.toml").write_text(PIPELINE)
    (folder / "job.py").write_text(JOB)
    os.environ.update(
        DJANGO_SETTINGS_MODULE="tests.settings",
        TEST_VAR_DIR=str(folder),
        TEST_PIPELINE=str(folder / "lanes.toml"),
        TEST_SHELF=str(folder / "shelf"),
        LOG_LEVEL="ERROR",
    )
    import django
    from django.core.management import call_command

    from tests import shelf

    shelf.make(folder / "shelf", "shop.orders", '"day" DATE', '"item" BIGINT')
    django.setup()
    call_command("migrate", verbosity=0)
    call_command("scan")


def wait_for_workers() -> None:
    from apps.workers.models import Worker

    deadline = time.monotonic() + TIMEOUT
    while Worker.objects.filter(cluster="runs", stopped_at=None).count() < LANES:
        assert time.monotonic() < deadline, "the workers did not come"
        time.sleep(0.2)


def seconds_of(lanes: int) -> float:
    """The seconds of a run over half of the dates, with this number of lanes."""
    from apps.pipeline import definition
    from apps.runs import control
    from apps.runs.models import Run
    from apps.runs.plans import planning, selections
    from apps.runs.plans.options import Options

    pipeline = definition.current()
    start = FIRST + dt.timedelta(days=0 if lanes == 1 else STEPS)
    wanted = selections.select(pipeline, start=start, end=start + dt.timedelta(days=STEPS - 1))
    run = control.launch(
        planning.plan(pipeline, wanted), pipeline, by="benchmark", options=Options(lanes=lanes)
    )
    deadline = time.monotonic() + TIMEOUT
    while run.is_active and time.monotonic() < deadline:
        time.sleep(0.2)
        run.refresh_from_db()
    assert run.status == Run.Status.SUCCEEDED, run.message
    assert run.steps.count() == STEPS
    assert run.started_at and run.finished_at
    return (run.finished_at - run.started_at).total_seconds()


if __name__ == "__main__":
    sys.exit(main())
