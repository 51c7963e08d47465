"""Server time of the pages with the demo's data: `python -m benchmarks.pages`.

Requests go through the whole stack of middleware and templates in this process; the browser and the network are not in.
"""

from __future__ import annotations

import gc
import os
import time
from statistics import quantiles

from benchmarks import demo

TIMES = 100


def main() -> None:
    env = demo.environment()
    demo.build(env)
    demo.python(env, "manage.py", *demo.TEST_RUN, "--here")
    os.environ.update(env)
    import django

    django.setup()
    measure_all()


def measure_all() -> None:
    from django.contrib.auth.models import User
    from django.test import Client

    from apps.runs.models import Run

    client = Client(headers={"host": "localhost", "accept-encoding": "gzip"})
    client.force_login(User.objects.get(username="operator"))
    run = Run.objects.latest("id").pk
    client.get("/")
    gc.collect()
    gc.freeze()  # as the launcher does before it forks the web server
    print(f"{'page':<42}{'median':>9}{'p95':>9}{'queries':>9}{'KB sent':>9}")
    for page in (
        "/",
        "/coverage/",
        "/coverage/2023-24/",
        "/coverage/2023-24/heatmap.json",
        "/runs/",
        f"/runs/{run}/",
        f"/runs/{run}/live/",
        "/runs/new/?phase=3&season=2023-24",
        "/runs/plan/?phase=3",
        "/failures/",
    ):
        measure(client, page)


def measure(client, page: str) -> None:
    from django.db import connection

    queries: list[str] = []

    def count(execute, sql, parameters, many, context):
        queries.append(sql)
        return execute(sql, parameters, many, context)

    client.get(page)  # compiled templates are not what is measured
    with connection.execute_wrapper(count):
        answer = client.get(page)
    assert answer.status_code == 200, f"{page}: {answer.status_code}"
    taken = []
    for _ in range(TIMES):
        began = time.perf_counter()
        answer = client.get(page)
        taken.append(1000 * (time.perf_counter() - began))
    cuts = quantiles(taken, n=100)
    size = len(answer.content) / 1024
    print(f"{page:<42}{cuts[49]:>6.1f} ms{cuts[94]:>6.1f} ms{len(queries):>9}{size:>9.1f}")


if __name__ == "__main__":
    main()
