"""What tests of runs share: looking at steps, waiting for a condition, and a queue that is worked off by hand."""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.db import connections, transaction
from django_q.models import OrmQ
from django_q.signing import SignedPackage

from apps.coverage.models import Partition
from apps.pipeline import definition
from apps.runs.engine import runner
from apps.runs.models import Lane, Run, Step, leases
from tests.conftest import day

PATIENCE = 30.0  # seconds after which something that should happen will not


def step(run: Run, date: str, table: str = "daily.sales") -> Step:
    return run.steps.get(table=table, date=day(date))


def shown(date: str, table: str = "daily.sales") -> str:
    return Partition.objects.get(table=table, date=day(date)).shown


def sales(first: str, last: str, **more: object) -> dict[str, object]:
    """What a launch of daily.sales on these dates is asked with."""
    return {"tables": ["daily.sales"], "start": day(first), "end": day(last), **more}


def may_write(run: Run, lease: str) -> bool:
    """Whether a worker with that lease could write of the run now."""
    with transaction.atomic():
        return leases.holds(run, lease)


def wait_until(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


@contextmanager
def meanwhile(work: Callable[[], object]) -> Iterator[None]:
    """Something that happens in a thread of its own, with its own database connection."""

    def perform() -> None:
        try:
            work()
        finally:
            connections.close_all()

    thread = threading.Thread(target=perform)
    thread.start()
    try:
        yield
    finally:
        thread.join()


@pytest.fixture
def fill(ask) -> Callable[..., None]:
    """Eight rows of daily.sales, which is complete, on each of these dates."""

    def rows(*dates: str) -> None:
        for date in dates:
            ask("INSERT INTO daily.sales SELECT ?, i, NULL FROM range(8) rows(i)", day(date))

    return rows


@pytest.fixture
def drain(pipeline, transactional_db) -> Callable[..., int]:
    """Works off the queue like a worker; answers how many tasks there were. `most` stops after so many."""

    def work(*, most: int = 50) -> int:
        done = 0
        while done < most and (row := OrmQ.objects.filter(key="runs").order_by("id").first()):
            row.delete()
            task = SignedPackage.loads(row.payload)
            module, _, name = task["func"].rpartition(".")
            getattr(importlib.import_module(module), name)(*task["args"], **task["kwargs"])
            done += 1
        return done

    return work


@pytest.fixture
def perform(pipeline):
    """Performs a run as a worker does, which gives it up to wait where the warehouse is away."""

    def work(run: Run) -> Run:
        Lane.objects.filter(run=run).update(lease_until=None)  # a ticket in the queue is not waited for
        runner.perform(run.pk, pipeline, lease=leases.take(run.pk) or "")
        run.refresh_from_db()
        return run

    return work


@pytest.fixture
def empty_allowed(shop, settings) -> None:
    """Visits may be none on a date."""
    rule = 'rows = { per_unit = [1, 3], like = "daily.sales", at_least = 0.5 }'
    settings.PIPELINE.write_text(settings.PIPELINE.read_text().replace(rule, "rows = { between = [0, 20] }"))
    definition.load.cache_clear()
