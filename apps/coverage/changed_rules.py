"""Follows the pipeline file: where a table's rules are other ones than it was judged by, it is judged anew."""

from __future__ import annotations

from collections.abc import Collection
from hashlib import sha256

from django.db import transaction
from django.utils import timezone

from apps.coverage import rejudging, removed_dates, scanning, staleness
from apps.coverage.models import CalendarDate, Partition, TableReading
from apps.pipeline.definition import Pipeline, Table

BATCH = 500


def digest(pipeline: Pipeline, table: Table) -> str:
    """Changes with whatever in the file decides what the table's counts are called."""
    needs = [need for need in pipeline.needs if table.name in need.used_by]
    rules = table.rows, table.skip_first_days, table.key, table.date_column, table.after, needs
    other = pipeline.by_name.get(table.compared_with or "")
    return sha256(
        repr((rules, other and other.key, pipeline.seasons, pipeline.timezone)).encode()
    ).hexdigest()


def follow(pipeline: Pipeline) -> int:
    """Judges what is stored by the rules of this file; answers how many verdicts are other ones.

    The warehouse is not asked. Where what is stored does not tell enough, a partition is unknown until it is read.
    A table that is not in the file is judged anew when it is back: calendar and seasons may be other ones by then.
    One query where nothing changed.
    """
    rules = dict(TableReading.objects.values_list("table", "rules"))
    if away := [name for name in rules.keys() - pipeline.by_name.keys() if rules[name]]:
        TableReading.objects.filter(table__in=away).update(rules="")
    known = [table for table in pipeline.tables if table.name in rules]
    changed = [table for table in known if rules[table.name] != digest(pipeline, table)]
    if not changed:
        return 0
    with transaction.atomic():
        follow_seasons(pipeline)
        forget_what_does_not_fit(pipeline, changed)
        number = rejudging.judge_stored(pipeline, changed)
        judged = [
            TableReading(table=table.name, rules=digest(pipeline, table), dated_by=dated_by(pipeline, table))
            for table in changed
        ]
        TableReading.objects.bulk_create(
            judged, update_conflicts=True, unique_fields=["table"], update_fields=["rules", "dated_by"]
        )
        return number + len(staleness.mark(pipeline))


def follow_seasons(pipeline: Pipeline) -> None:
    """A date belongs to the season that has it in the file, whatever that was called before.

    One that no season has any more has left the calendar; it is back as soon as one has it again.
    """
    for season in pipeline.seasons:
        dates = {"date__range": (season.start, season.end)}
        CalendarDate.read.filter(**dates).exclude(season=season.name).update(season=season.name)
    days = list(CalendarDate.objects.all())
    left = [day for day in days if not pipeline.season_of(day.date)]
    in_season = {day.date for day in days}.difference(day.date for day in left)
    removed_dates.note(left, back=in_season, read_at=timezone.now())
    for place in range(0, len(left), BATCH):
        CalendarDate.objects.filter(pk__in=[day.pk for day in left[place : place + BATCH]]).update(season="")


def forget_what_does_not_fit(pipeline: Pipeline, tables: Collection[Table]) -> None:
    """Counts of dates that another column or zone gave, and numbers of keys of other columns, are facts no more."""
    for reading in TableReading.objects.filter(table__in=[table.name for table in tables]):
        table, partitions = pipeline.by_name[reading.table], Partition.objects.of([reading.table])
        if reading.dated_by and reading.dated_by != dated_by(pipeline, table):
            TableReading.objects.filter(pk=reading.pk).update(columns="")
            partitions.exclude(state=Partition.State.NOT_EXPECTED).update(
                state=Partition.State.UNKNOWN,
                read_state="",
                reason="the pipeline file has another date column or time zone for it, and it was not read since",
                complete_rows=None,
                complete_keys=None,
                **scanning.NOTHING_FOUND,
            )
        elif reading.columns and key_of(reading.columns) != key_of(scanning.told_columns(table)):
            kept = [word for word in reading.columns.split() if not word.startswith(scanning.KEY)]
            columns = " ".join([*kept, *key_of(scanning.told_columns(table))])
            TableReading.objects.filter(pk=reading.pk).update(columns=columns)
            partitions.update(keys=None, complete_keys=None)


def dated_by(pipeline: Pipeline, table: Table) -> str:
    """What decided on which date a row lies."""
    return f"{table.date_column} in {pipeline.timezone}"


def key_of(columns: str) -> list[str]:
    return [word for word in columns.split() if word.startswith(scanning.KEY)]
