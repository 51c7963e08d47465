"""Follows changes of the pipeline file: tables whose rules changed are judged again."""

from __future__ import annotations

from collections.abc import Collection

from django.db import transaction
from django.utils import timezone

from apps.coverage.calendar import removed_dates
from apps.coverage.models import CalendarDate, Partition, TableReading
from apps.coverage.scanning import questions, rejudging, staleness, storing
from apps.pipeline.definition import Pipeline
from apps.pipeline.sections import Table

BATCH = 500


def apply_rule_changes(pipeline: Pipeline) -> int:
    """Judges stored partitions by the rules of this file; returns how many verdicts changed.

    The warehouse is not asked. Where what is stored does not tell enough, a partition is unknown until it is read.
    A table that left the file is judged again when it is back, since calendar and seasons may have changed.
    One query where nothing changed.
    """
    rules = dict(TableReading.objects.values_list("table", "rules"))
    if away := [name for name in rules.keys() - pipeline.by_name.keys() if rules[name]]:
        TableReading.objects.filter(table__in=away).update(rules="")
    known = [table for table in pipeline.tables if table.name in rules]
    changed = [table for table in known if rules[table.name] != questions.digest(pipeline, table)]
    if not changed:
        return 0
    with transaction.atomic():
        update_seasons(pipeline)
        clear_incompatible_counts(pipeline, changed)
        number = rejudging.judge_stored(pipeline, changed)
        judged = [TableReading(table=table.name, **questions.rules_of(pipeline, table)) for table in changed]
        TableReading.objects.bulk_create(
            judged, update_conflicts=True, unique_fields=["table"], update_fields=["rules", "dated_by"]
        )
        return number + len(staleness.mark(pipeline))


def update_seasons(pipeline: Pipeline) -> None:
    """Moves dates of the calendar to the season that has them in the file.

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


def clear_incompatible_counts(pipeline: Pipeline, tables: Collection[Table]) -> None:
    """Clears counts whose dates came from another column or zone, and numbers of keys of other columns."""
    for reading in TableReading.objects.filter(table__in=[table.name for table in tables]):
        table, partitions = pipeline.by_name[reading.table], Partition.objects.of([reading.table])
        if reading.dated_by and reading.dated_by != questions.dated_by(pipeline, table):
            TableReading.objects.filter(pk=reading.pk).update(columns="")
            partitions.exclude(state=Partition.State.NOT_EXPECTED).update(
                state=Partition.State.UNKNOWN,
                read_state="",
                reason="the pipeline file has another date column or time zone for it, and it was not read since",
                complete_rows=None,
                complete_keys=None,
                **storing.NOTHING_FOUND,
            )
        elif reading.columns and questions.key_of(reading.columns) != questions.key_of(
            questions.told_columns(table)
        ):
            kept = [word for word in reading.columns.split() if not word.startswith(questions.KEY)]
            columns = " ".join([*kept, *questions.key_of(questions.told_columns(table))])
            TableReading.objects.filter(pk=reading.pk).update(columns=columns)
            partitions.update(keys=None, complete_keys=None)
