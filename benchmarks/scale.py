"""The cost of 10,000 steps: plan, launch, pages, failures: `python -m benchmarks.scale`; exits 1 over a limit.

The requests are an operator's, measured as benchmarks/requests.py says. A run of a single step is measured in the same
process for comparison.
"""

from __future__ import annotations

import gc
import gzip
import re
import sys
from html import unescape
from typing import Any

from benchmarks import large
from benchmarks.requests import Measured, heading, limit, measure, row, timed

LAUNCHES = 3
WANTED = {"table": [f"shop.t{number}" for number in range(1, large.TABLES + 1)], "reprocess": "all"}
MOST_TO_LAUNCH = 1000.0  # milliseconds of the processor, with the plan before it
MOST_OF_PAGE, MOST_OF_NOTHING, MOST_OF_FAILURES = 80.0, 10.0, 200.0  # milliseconds of the processor, p95


def main() -> None:
    large.make()
    large.remember_gaps()
    client = operator()
    gc.collect()
    gc.freeze()  # as the launcher does before it forks the web server
    broken = launching(client, "first run")
    finish(latest())
    broken += launching(client, "after it")
    run = latest()
    broken += [*looking(client, run), *failing(client, run)]
    for each in broken:
        print(f"over the limit: {each}")
    sys.exit(1 if broken else 0)


def operator() -> Any:
    """A client of a user who may operate."""
    from django.contrib.auth.models import Permission, User
    from django.test import Client

    user = User.objects.create_user("olga")
    user.user_permissions.set(Permission.objects.filter(codename__in=("operate_run", "operate_coverage")))
    client = Client(headers={"host": "localhost", "accept-encoding": "gzip"})
    client.force_login(user)
    return client


# Launching ----------------------------------------------------------------------------------------


def launching(client: Any, which: str) -> list[str]:
    """The plan beside the form, and the launch; all launches except the last are deleted."""
    client.get("/runs/new/", WANTED)  # compile the templates before the measurement
    found = []
    for _ in range(LAUNCHES):
        delete_launched()
        *plan, answer = timed(lambda: client.get("/runs/plan/", WANTED))
        seen = {"seen": said(answer, r'name="seen" value="(\w+)"'), "seen_steps": str(large.STEPS)}
        *launch, answer = timed(lambda seen=seen: client.post("/runs/new/", WANTED | seen))
        assert answer.status_code == 302, answer.content.decode()[:2000]
        found.append((plan[1] + launch[1], plan, launch))
    together, plan, launch = min(found)
    print(
        f"{which}: plan {plan[1]:.0f} ms of the processor ({plan[0]:.0f} by the clock), "
        f"launch {launch[1]:.0f} ({launch[0]:.0f}), together {together:.0f}"
    )
    return limit("plan and launch", together, MOST_TO_LAUNCH)


def delete_launched() -> None:
    """Delete the launched run."""
    from apps.coverage.models import Partition
    from apps.runs.models import Run

    Run.objects.unfinished().delete()
    Partition.objects.exclude(activity="").update(activity="", run_id=None)


def said(answer: Any, pattern: str) -> str:
    """The text of a page that a pattern with one group finds."""
    content = answer.content
    text = gzip.decompress(content) if answer.get("Content-Encoding") == "gzip" else content
    found = re.search(pattern, text.decode())
    assert found, (pattern, answer.status_code, text[:2000])
    return unescape(found[1])


# Looking ------------------------------------------------------------------------------------------


def looking(client: Any, run: Any) -> list[str]:
    """The page of a half finished run, after an earlier one of as many steps, and its live piece."""
    large.perform(run, done=5200, failed=200)
    small = one_step()
    heading()
    row("page of a run of 1 step", measure(client, f"/runs/{small.pk}/", before=large.renew_heartbeat))
    page = row(
        "page of a run of 10,000",
        measure(client, f"/runs/{run.pk}/", before=large.renew_heartbeat, most=MOST_OF_PAGE),
    )
    row("its live piece, changed", measure(client, f"/runs/{run.pk}/live/", before=large.renew_heartbeat))
    same = row("its live piece, unchanged", unchanged(client, run))
    row("runs", measure(client, "/runs/", before=large.renew_heartbeat))
    assert same.status == 304, same
    return [
        *limit("page of a run", page.p95, MOST_OF_PAGE),
        *limit("nothing changed", same.p95, MOST_OF_NOTHING),
    ]


def latest() -> Any:
    from apps.runs.models import Run

    return Run.objects.latest("pk")


def finish(run: Any) -> None:
    """Finish the run, with all of its steps decided."""
    from django.utils import timezone

    from apps.runs.models import Run

    large.perform(run, done=large.STEPS, failed=300)
    Run.objects.filter(pk=run.pk).update(status="failed", finished_at=timezone.now())
    run.held_lanes.all().delete()


def one_step() -> Any:
    """A queued run of one step."""
    from apps.runs.models import Run

    run = Run.objects.create(title="One step", launched_by="olga", status="queued")
    run.steps.create(position=0, phase="1", table="shop.other", date=large.dates()[0], season="all")
    return run


def unchanged(client: Any, run: Any) -> Measured:
    """The repeated request of a browser that has the newest version."""
    address = f"/runs/{run.pk}/live/"
    return measure(
        client,
        address,
        lambda: {"If-None-Match": client.get(address)["ETag"]},
        before=large.renew_heartbeat,
        most=MOST_OF_NOTHING,
    )


# Failing ------------------------------------------------------------------------------------------


def failing(client: Any, run: Any) -> list[str]:
    """Every step failed and is open: the run's page and the page of all failures."""
    large.perform(run, done=large.STEPS, failed=large.STEPS)
    row("page of a run, all failed", measure(client, f"/runs/{run.pk}/", before=large.renew_heartbeat))
    page = row(
        "failures, 10,000 open",
        measure(client, "/failures/", before=large.renew_heartbeat, most=MOST_OF_FAILURES),
    )
    return limit("failures", page.p95, MOST_OF_FAILURES)


if __name__ == "__main__":
    main()
