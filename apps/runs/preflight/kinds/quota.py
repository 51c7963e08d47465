"""The check that counts the writes that filling needs a day, against what the warehouse allows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from apps.pipeline.check_kinds import Quota
from apps.pipeline.sections import Job, Table
from apps.runs.estimates import paces, progress
from apps.runs.estimates.paces import Work
from apps.runs.preflight import dates as wanted_dates
from apps.runs.preflight.dates import Wanted
from apps.runs.preflight.facts import Facts
from apps.runs.preflight.finding import Finding, failed, passed, skipped, unknown, warned
from apps.text import count, duration
from apps.warehouse.base import HasWriteQuota, WarehouseError, WriteQuota

DAY = 24 * 3600.0  # seconds
NEAR = 0.5  # of what is allowed


@dataclass(frozen=True)
class Writes:
    """What a table needs, in all and within a day, of what it may have; `seconds` is how long all of it takes."""

    table: Table
    wanted: Wanted
    total: int
    seconds: float | None
    limit: WriteQuota

    @property
    def a_day(self) -> int:
        """All of them, unless it is known that they take longer."""
        days = max((self.seconds or 0) / DAY, 1)
        return math.ceil(self.total / days)

    @property
    def share(self) -> float:
        return self.a_day / self.limit.most

    @property
    def numbers(self) -> str:
        """ "400 of 30,000 partition modifications a day"."""
        return f"{self.a_day:,} of {self.limit.most:,} {self.limit.of}s a day"


def quota(asked: Quota, facts: Facts) -> Iterator[Finding]:
    """Each table whose writes come near its limit, and the load jobs of all tables together."""
    warehouse = facts.warehouse
    if not isinstance(warehouse, HasWriteQuota):
        engine = facts.pipeline.warehouse.engine
        yield skipped(f"Does not apply: the engine {engine} allows any number of writes.")
        return
    tables = facts.jobs(asked)
    try:
        limits = warehouse.write_quotas([table.name for table in tables])
    except WarehouseError as error:
        yield unknown(f"What tables may be written a day could not be asked: {str(error).rstrip('.')}.")
        return
    for table in tables:
        if table.name not in limits:
            yield unknown(f"{table.name} is not there: it is not known how often it may be written a day.")
    known = [table for table in tables if table.name in limits]
    try:
        needed = [writes(asked, facts, warehouse, table, limits[table.name]) for table in known]
    except (WarehouseError, OSError, UnicodeDecodeError) as error:
        yield unknown(f"A job's SQL could not be read: {str(error).rstrip('.')}.")
        return
    yield from judged(asked, needed, warehouse.load_jobs_a_day)


def writes(asked: Quota, facts: Facts, warehouse: HasWriteQuota, table: Table, limit: WriteQuota) -> Writes:
    assert table.job
    wanted = wanted_dates.dates_to_fill(facts, table)
    dates = len(wanted.to_fill)
    if table.job.sql:
        script = facts.pipeline.inside(table.job.sql).read_text(encoding="utf-8")
        calls = dates if limit.by_partition else calls_of(facts, table.job, wanted)
        total = calls * warehouse.writes_against_quota(script, table.name)
    else:
        total = math.ceil(dates * asked.loads_a_date)
    return Writes(table, wanted, total, seconds_of(table, wanted, progress.history({table.name})), limit)


def calls_of(facts: Facts, job: Job, wanted: Wanted) -> int:
    return sum(len(wanted.calls(facts, job, season).to_fill) for season in facts.scope.seasons)


def seconds_of(table: Table, wanted: Wanted, history: Mapping[str, list[Work]]) -> float | None:
    """How long it takes at the pace of before, with as many calls at once as the table may have; None if not known."""
    pace = paces.borrowed(history.get(table.name, ()))
    return pace.rate * wanted.units / table.parallel if pace else None


# What is found ----------------------------------------------------------------------------------------


def judged(asked: Quota, needed: list[Writes], load_jobs: int) -> Iterator[Finding]:
    near = [each for each in needed if each.share >= NEAR]
    for each in near:
        yield of_table(asked, each)
    loads = sum(each.a_day for each in needed)
    if loads >= NEAR * load_jobs:
        level = failed if loads > load_jobs else warned
        yield level(f"All tables together need {loads:,} of {load_jobs:,} load jobs a day.")
    if needed and not near:
        most = max(needed, key=lambda each: each.share)
        yield passed(
            "No table comes near what it may be written a day.",
            value=f"{most.table.short_name}: {most.numbers}",
            detail=how(asked, most),
        )


def of_table(asked: Quota, found: Writes) -> Finding:
    level = failed if found.share > 1 else warned
    return level(
        f"{found.table.short_name} needs {found.numbers}: {found.wanted.in_words}.",
        value=f"{found.a_day:,} a day",
        threshold=f"at most {found.limit.most:,} a day",
        detail=how(asked, found),
    )


def how(asked: Quota, found: Writes) -> str:
    """What the number rests on."""
    counted = "DML statements of SQL jobs do not count"
    if found.table.job and not found.table.job.sql:
        loads = "1 load" if asked.loads_a_date == 1 else f"{asked.loads_a_date:g} loads"
        counted = f"a program is taken to make {loads} a date"
    if found.seconds is None:
        return f"{counted}; all in one day, as it is not known how long they take"
    return f"{counted}; {count(found.total, found.limit.of)} in {duration(found.seconds)}"
