"""Checks of what is there at all: the warehouse, its datasets, its tables with their columns."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping

from django.utils.text import capfirst

from apps.coverage.models import Partition
from apps.grouping import by_key
from apps.pipeline.check_kinds import Credentials, Dataset, TableExists
from apps.pipeline.sections import Table
from apps.runs.preflight import remedies
from apps.runs.preflight.facts import Facts, made_from
from apps.runs.preflight.finding import Finding, failed, noted, passed, some, unknown, warned
from apps.text import count
from apps.warehouse.base import Absent, Expiring, WarehouseError


def credentials(asked: Credentials, facts: Facts) -> Iterator[Finding]:
    """Passes if any table could be counted."""
    read = [table for table in facts.reach.tables if table.name not in facts.asked.problems]
    if read:
        yield passed(
            "The warehouse lets us in.",
            value=f"{len(read)} of {count(len(facts.reach.tables), 'table')} read",
        )
    else:
        yield unknown(f"No table could be read: {some(facts.asked.problems.values(), most=2)}.")


def dataset(asked: Dataset, facts: Facts) -> Iterator[Finding]:
    """A dataset is there when one of its tables is. One whose tables are not read is unknown."""
    here: dict[str, list[bool]] = {name: [] for name in asked.datasets}
    for table in facts.reach.tables:
        name = table.name.rpartition(".")[0]
        if name in here or not asked.datasets:
            here.setdefault(name, []).append(is_there(table, facts))
    for name, tables in here.items():
        if any(tables):
            yield passed(f"{name} is there.", value=f"{sum(tables)} of {count(len(tables), 'table')}")
        elif tables:
            yield failed(
                f"{name} has none of its {count(len(tables), 'table')}.",
                command=remedies.list_tables(facts.pipeline, name),
            )
        else:
            yield unknown(
                f"No table of this pipeline is in {name}, so nothing says that it is there.",
                command=remedies.list_tables(facts.pipeline, name),
            )


def is_there(table: Table, facts: Facts) -> bool:
    return not isinstance(facts.asked.problems.get(table.name), Absent)


def table(asked: TableExists, facts: Facts) -> Iterator[Finding]:
    """Tables that cannot be read as the file describes them, and complete dates that lost rows since."""
    read = made_from(facts.pipeline, facts.about(asked))
    wanted = [each for each in facts.reach.tables if each.name in read]
    broken = [each for each in wanted if each.name in facts.asked.problems]
    to_create = {each.name for each in facts.jobs(asked) if not is_there(each, facts)}
    for each in broken:
        problem = capfirst(facts.asked.problems[each.name]).rstrip(".")
        if each.name in to_create:
            yield warned(f"{problem}; its job has to create it.", value=each.name)
        else:
            look = remedies.list_columns(facts.pipeline, each.name)
            yield failed(f"{problem}.", value=each.name, command=look)
    yield from losses(wanted, facts)
    if not broken:
        yield passed("Every table is there, with its columns.", value=count(len(wanted), "table"))
    yield from expiry([each for each in wanted if each not in broken], facts)


def losses(tables: list[Table], facts: Facts) -> Iterator[Finding]:
    """Partitions that expired or were cleaned up: the engine need not say so, fewer rows than once are enough."""
    lost = Partition.objects.regressions().of(each.name for each in tables)
    found = lost.between(facts.scope.start, facts.scope.end).values_list("table", "date")
    for name, dates in by_key(found).items():
        yield warned(
            f"{name} lost rows on {count(len(dates), 'date')} that were complete: look for partitions that expire.",
            detail=some(map(str, sorted(dates))),
            link="/failures/",
        )


def expiry(tables: list[Table], facts: Facts) -> Iterator[Finding]:
    """Whether what is filled would stay: of dates that are older than a table keeps, nothing would."""
    if not isinstance(facts.warehouse, Expiring):
        engine = facts.pipeline.warehouse.engine
        yield noted(f"Partition expiry does not apply: the engine {engine} has none.")
        return
    try:
        kept = facts.warehouse.expirations([table.name for table in tables])
    except WarehouseError as error:
        yield unknown(f"Partition expiry could not be asked: {str(error).rstrip('.')}.")
        return
    yield from too_short(tables, kept, facts)


def too_short(tables: list[Table], kept: Mapping[str, dt.timedelta], facts: Facts) -> Iterator[Finding]:
    found = [
        table
        for table in tables
        if table.name in kept and oldest_kept(kept[table.name], facts) > facts.scope.start
    ]
    for table in found:
        days = kept[table.name].days
        yield failed(
            f"{table.name} drops partitions after {count(days, 'day')}: nothing before "
            f"{oldest_kept(kept[table.name], facts)} would stay.",
            value=count(days, "day"),
            threshold=f"partitions from {facts.scope.start} on",
            command=remedies.list_columns(facts.pipeline, table.name),
        )
    if not found:
        yield passed(
            "No table drops partitions of these dates.", value=f"{len(kept)} of {len(tables)} expire"
        )


def oldest_kept(keeps: dt.timedelta, facts: Facts) -> dt.date:
    return facts.now.date() - keeps
