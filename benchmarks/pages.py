"""Server time of the pages with the demo's data: `python -m benchmarks.pages`; exits 1 over a limit.

Measured as benchmarks/requests.py says. A process renders unchanged strips once, so the overview and a season are
measured twice: unchanged, and with another date of a table changed before each request.
"""

from __future__ import annotations

import gc
import itertools
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks import demo
from benchmarks.requests import heading, limit, measure, row

MOST = 60.0  # milliseconds of the processor, p95
OVERVIEW, SEASON = "/", "/coverage/2023-24/"
TABLE = "nba_analytics.player_game_summary"


def main() -> None:
    env = demo.environment()
    demo.build(env)
    demo.python(env, "manage.py", *demo.TEST_RUN, "--here")
    os.environ.update(env)
    import django

    django.setup()
    broken = measure_all()
    for each in broken:
        print(f"over the limit: {each}")
    sys.exit(1 if broken else 0)


def measure_all() -> list[str]:
    from django.contrib.auth.models import User
    from django.test import Client

    from apps.runs.models import Run

    client = Client(headers={"host": "localhost", "accept-encoding": "gzip"})
    client.force_login(User.objects.get(username="operator"))
    run = Run.objects.latest("id").pk
    client.get(OVERVIEW)
    gc.collect()
    gc.freeze()  # as the launcher does before it forks the web server
    heading()
    broken = [*limited(client, OVERVIEW), *limited(client, SEASON)]
    for page in (
        "/coverage/",
        f"{SEASON}heatmap.json",
        "/runs/",
        f"/runs/{run}/",
        f"/runs/{run}/live/",
        "/runs/new/?phase=3&season=2023-24",
        "/runs/plan/?phase=3",
        "/failures/",
        "/sources/",
        "/verify/",
        "/preflight/",
    ):
        client.get(page)  # compile the templates before the measurement
        row(page, measure(client, page))
    return broken


def limited(client: Any, page: str) -> list[str]:
    """A page without changes, and while a run changes it."""
    client.get(page)
    rest = row(page, measure(client, page, most=MOST))
    busy = row(f"{page} while dates change", measure(client, page, before=changing(), most=MOST))
    return [*limit(page, rest.p95, MOST), *limit(f"{page} while dates change", busy.p95, MOST)]


def changing() -> Callable[[], object]:
    """Each call changes the state of another date of a table: first all to one state, then back."""
    from apps.coverage.models import Partition

    rows = list(Partition.objects.filter(table=TABLE, season="2023-24").order_by("date"))
    turns: Iterator[tuple[Partition, str]] = itertools.chain.from_iterable(
        ((each, state) for each in rows) for state in itertools.cycle(("complete", "missing"))
    )

    def change() -> None:
        partition, state = next(turns)
        Partition.objects.filter(pk=partition.pk).update(state=state)

    return change


if __name__ == "__main__":
    main()
