"""The overhead of a verified step: `python -m benchmarks.overhead`.

A run of 300 steps whose job does nothing, on complete data; every step is counted before and after, logged and
stored. The bare process spawn is measured in the same run and subtracted.
"""

from __future__ import annotations

import subprocess
import sys
import time
from statistics import median

from benchmarks import shop

STEPS = 300
NO_OP = ["/bin/true", "{start}", "{end}"]


def main() -> None:
    for batch in (1, 15):
        measure(batch)


def measure(batch: int) -> None:
    process = subprocess.run([sys.executable, "-m", "benchmarks.overhead", str(batch)], check=True)
    assert process.returncode == 0


def run(batch: int) -> None:
    shop.make(tables=1, dates=STEPS, command=NO_OP, batch=batch)
    from apps.coverage.models import Scan
    from apps.coverage.scanning import full_scan, warehouses
    from apps.pipeline import definition
    from apps.runs import control
    from apps.runs.engine import runner
    from apps.runs.models import leases
    from apps.runs.plans import planning, selections

    pipeline = definition.current()
    full_scan.scan(pipeline, warehouses.open_warehouse(pipeline), Scan.objects.create())
    plan = planning.plan(pipeline, selections.select(pipeline, reprocess="all"))
    launched = control.launch(plan, pipeline, by="benchmark", queued=False)
    before = spawn_seconds()
    began = time.perf_counter()
    runner.perform(launched.pk, pipeline, lease=leases.take(launched.pk) or "")
    seconds = time.perf_counter() - began
    spawn = median([before, spawn_seconds()])
    launched.refresh_from_db()
    assert launched.status == "succeeded", launched.message
    calls = STEPS / batch
    ours = (seconds - calls * spawn) / STEPS
    print(
        f"{STEPS} steps, {batch} a call: {seconds:.2f} s; bare spawn {1000 * spawn:.1f} ms a call; "
        f"ours {1000 * ours:.1f} ms a step"
    )


def spawn_seconds(times: int = 50) -> float:
    """The median time to start the same process and wait for it."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        subprocess.Popen(["/bin/true", "a", "b"], stdin=subprocess.DEVNULL, start_new_session=True).wait()
        taken.append(time.perf_counter() - began)
    return median(taken)


if __name__ == "__main__":
    import sys

    if len(sys.argv) > 1:
        run(int(sys.argv[1]))
    else:
        main()
