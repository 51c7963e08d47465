"""A console with 10 tables of 1,000 dates and no warehouse, and the rows of a run of all of them."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import Any

from benchmarks import demo, shop

TABLES, DATES, BATCH = 10, 1000, 7
STEPS = TABLES * DATES
SECONDS = 12.0  # of a step
# One cause each; the dates and numbers in them differ from step to step.
MESSAGES = (
    "{date}: numeric overflow: amount {n} exceeds DECIMAL(5,2)",
    "{date}: the API answered 503 Service Unavailable after {n} tries",
    "no rows for {date}, {n} were expected",
    "KeyError: 'plus_minus' in row {n}",
    "quota exceeded: {n} of 1000 bytes billed",
    "timed out after {n} s",
    "permission denied on raw.orders ({n})",
    "{n} duplicates of the key on {date}",
)


def make() -> Path:
    """Create a folder with an empty production console, and set up Django on it."""
    env = demo.environment()
    folder = Path(env["VAR_DIR"])
    write = folder / "shop.toml"
    shop.write_pipeline(
        write, tables=TABLES, dates=DATES, command=["/bin/true", "{start}", "{end}"], batch=BATCH
    )
    os.environ.update(env | {"PIPELINE": str(write), "DEMO": "0", "OUTBOX_DIR": ""})
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    return folder


def dates() -> list[dt.date]:
    return [shop.FIRST + dt.timedelta(days=number) for number in range(DATES)]


def remember_gaps() -> None:
    """The rows of a scan of an empty warehouse: every date is on the calendar and missing."""
    from django.utils import timezone

    from apps.coverage.models import CalendarDate, Partition, Scan

    now = timezone.now()
    CalendarDate.objects.bulk_create(
        [CalendarDate(date=date, season="all", units=1 + date.day % 15) for date in dates()]
    )
    gap: dict[str, Any] = {"season": "all", "state": "missing", "rows": 0, "least": 10, "most": 10}
    Partition.objects.bulk_create(
        [
            Partition(table=f"shop.t{table}", date=date, units=1 + date.day % 15, read_at=now, **gap)
            for table in range(1, TABLES + 1)
            for date in dates()
        ],
        batch_size=1000,
    )
    Scan.objects.create(status="succeeded", started_at=now, finished_at=now)


def perform(run: Any, *, done: int, failed: int) -> None:
    """Decide the first steps of a run, some of them as failed; one call is still running."""
    from django.db import transaction

    with transaction.atomic():
        steps = list(run.steps.order_by("position")[: done + BATCH])
        run.attempts.all().delete()
        begin(run, calls=len(steps) // BATCH + TABLES)
        calls = [group for table in grouped(steps) for group in chunks(table)]
        for number, group in enumerate(calls, 1):
            decide(run, number, group, every=max(done // failed, 1), is_over=group[-1].position < done)
        save(run, steps)


def grouped(steps: list[Any]) -> list[list[Any]]:
    return [steps[start : start + DATES] for start in range(0, len(steps), DATES)]


def chunks(steps: list[Any]) -> list[list[Any]]:
    return [steps[start : start + BATCH] for start in range(0, len(steps), BATCH)]


def begin(run: Any, *, calls: int) -> None:
    """A worker holds the run, since the time that these calls take."""
    from django.utils import timezone

    run.started_at = timezone.now() - dt.timedelta(seconds=SECONDS * BATCH * calls)
    run.status = "running"
    run.save()
    run.record("running", "A worker took it")
    run.held_lanes.update_or_create(number=0, defaults={"lease": "held"})
    renew_heartbeat()


def renew_heartbeat() -> None:
    """The heartbeat of the only worker and of its lease."""
    from django.utils import timezone

    from apps.runs.models import Lane
    from apps.workers.models import Worker

    now = timezone.now()
    Lane.objects.update(lease_until=now + dt.timedelta(seconds=45))
    alive = {"cluster": "runs", "host": "h", "pid": 1, "started_at": now, "heartbeat_at": now}
    Worker.objects.update_or_create(name="bench", defaults=alive)


def decide(run: Any, number: int, steps: list[Any], *, every: int, is_over: bool) -> None:
    """One call with its steps: ended, or running."""
    started = run.started_at + dt.timedelta(seconds=SECONDS * BATCH * number)
    finished = started + dt.timedelta(seconds=SECONDS * len(steps))
    attempt = run.attempts.create(
        number=number,
        table=steps[0].table,
        dates=[str(step.date) for step in steps],
        lease="held",
        status="ended" if is_over else "running",
        argv=["/bin/true", str(steps[0].date)],
        exit_status=0 if is_over else None,
        started_at=started,
        finished_at=finished if is_over else None,
    )
    for step in steps:
        step.attempt, step.attempts = attempt, 1
        step.status = "running"
        if is_over:
            conclude(step, finished, has_failed=step.position % every == every - 1)
    if is_over and steps[-1].position % DATES == DATES - 1:
        run.record("table", f"{steps[0].table} verified on {DATES - DATES // every} of {DATES}")


def conclude(step: Any, finished: dt.datetime, *, has_failed: bool) -> None:
    from apps.runs.failures import signatures

    step.status = "failed" if has_failed else "succeeded"
    step.seconds = SECONDS * (0.9 + 0.2 * (step.position % 7) / 6)
    step.finished_at = finished
    step.rows_before, step.rows_after = 8, 0 if has_failed else 10
    if has_failed:
        said = MESSAGES[step.position % 97 % len(MESSAGES)]
        step.message = said.format(date=step.date, n=100 + step.position % 900)
        step.signature = signatures.signature(step.message)


def save(run: Any, steps: list[Any]) -> None:
    from apps.coverage.models import Partition
    from apps.runs.models import Step

    facts = ["rows_before", "rows_after", "seconds", "finished_at", "message", "signature"]
    Step.objects.bulk_create(
        steps,
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=["status", "attempt", "attempts", *facts],
        batch_size=500,
    )
    for status, changes in (
        ("succeeded", {"state": "complete", "rows": 10, "activity": "", "run_id": None}),
        ("failed", {"state": "missing", "rows": 0, "activity": "failed", "run_id": run.pk}),
    ):
        for table in {step.table for step in steps}:
            some = [step.date for step in steps if step.table == table and step.status == status]
            Partition.objects.filter(table=table, date__in=some).update(**changes)
