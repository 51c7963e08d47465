"""What tests of runs share: looking at steps, waiting for a condition, and a queue that is worked off by hand."""

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


def add_step(run: Run, date: str, table: str = "daily.sales", **facts: object) -> Step:
    """One more step of the run, at its end."""
    return run.steps.create(
        table=table,
        date=day(date),
        **{"position": run.steps.count(), "phase": "2", "season": "winter"} | facts,
    )


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
def empty_allowed(rewrite) -> None:
    """Visits may be none on a date."""
    rewrite(
        'rows = { per_unit = [1, 3], like = "daily.sales", at_least = 0.5 }', "rows = { between = [0, 20] }"
    )


@pytest.fixture
def failed_redo(launch, drive, fault) -> Run:
    """Sales of 1 to 4 January are filled, and a redo of them fails on the 3rd, whose rows are the old ones."""
    week = sales("01-01", "01-04")
    drive(launch(**week))
    fault("daily.sales", "01-03", "overflow")
    return drive(launch(**week, reprocess="all"))


@pytest.fixture
def inputs(ask) -> None:
    """All that the trend of 4 to 6 January reads: sales, written on 1 February, and visits of 1 to 6 January."""
    days = "FROM raw.days, range(8) t(i) WHERE open AND day <= '2024-01-06'"
    ask(f"INSERT INTO daily.sales SELECT day, i, '2024-02-01' {days}")
    ask(f"INSERT INTO daily.visits SELECT day, i {days}")
