"""Reads the warehouse's run history in one query of a scan, and stores it for pages."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Mapping
from itertools import groupby

from django.db import transaction
from django.utils import timezone

from apps import masking
from apps.coverage.models import HistoryReading, HistoryTry
from apps.pipeline.definition import Pipeline
from apps.pipeline.sections import History, Table
from apps.warehouse.base import HistoryQuestion, Try, Warehouse, WarehouseError

BATCH = 500
LONGEST_NAME = 200
LONGEST_ERRORS = 2_000
FACTS = ("table", "status", "failed", "started_at", "seconds", "errors")


def reading(pipeline: Pipeline) -> HistoryReading | None:
    """The last reading of the history, or why it failed; None if the pipeline file has no history."""
    if pipeline.history is None:
        return None
    table = pipeline.history.table
    return HistoryReading.objects.filter(table=table).first() or HistoryReading(table=table)


def question(history: History) -> HistoryQuestion:
    return HistoryQuestion(
        table=history.table,
        processor_column=history.processor,
        date_column=history.date,
        status_column=history.status,
        started_column=history.started,
        duration_column=history.duration,
        errors_column=history.errors,
    )


def table_of(pipeline: Pipeline, processor: str) -> Table | None:
    """The table that the processor fills, where one names it or is called like it."""
    return pipeline.by_processor.get(processor)


# By a scan ----------------------------------------------------------------------------------------


def read_history(pipeline: Pipeline, warehouse: Warehouse) -> str:
    """Asks for the latest attempts of all seasons and stores them; returns why that failed, empty where it did not."""
    if pipeline.history is None:
        HistoryTry.objects.all().delete()  # of a history that the pipeline file named once
        return ""
    try:
        tries = warehouse.history(question(pipeline.history), start=pipeline.start, end=pipeline.end)
    except WarehouseError as error:
        problem = str(error).rstrip(".")
        record_failure(pipeline, problem)
        return f"the run history: {problem}"
    with transaction.atomic():
        remember(pipeline, pipeline.history, tries)
        note(pipeline.history)
    return ""


def record_failure(pipeline: Pipeline, problem: str) -> None:
    """Records why the history was not read; the stored attempts stay, for estimates."""
    if pipeline.history:
        note(pipeline.history, problem=problem)


def note(history: History, *, problem: str = "") -> None:
    HistoryReading.objects.update_or_create(
        table=history.table, defaults={"read_at": timezone.now(), "problem": problem}
    )


def remember(pipeline: Pipeline, history: History, tries: Iterable[Try]) -> None:
    """Stores attempts that changed, a processor at a time, and deletes those that left the history."""
    named = sorted(tries, key=lambda each: storable(each.processor, LONGEST_NAME))
    seen = []
    for processor, some in groupby(named, key=lambda each: storable(each.processor, LONGEST_NAME)):
        table = table_of(pipeline, processor)
        found = {each.date: as_row(each, processor, table, history) for each in some}
        remember_processor(processor, found)
        seen.append(processor)
    HistoryTry.objects.exclude(processor__in=seen).delete()


def remember_processor(processor: str, found: Mapping[dt.date, HistoryTry]) -> None:
    mine = HistoryTry.objects.filter(processor=processor)
    stored = {date: facts for date, *facts in mine.values_list("date", *FACTS)}
    HistoryTry.objects.bulk_create(
        (row for date, row in found.items() if stored.get(date) != facts_of(row)),
        update_conflicts=True,
        unique_fields=["processor", "date"],
        update_fields=FACTS,
        batch_size=BATCH,
    )
    gone = sorted(stored.keys() - found.keys())
    for start in range(0, len(gone), BATCH):
        mine.filter(date__in=gone[start : start + BATCH]).delete()


def as_row(each: Try, processor: str, table: Table | None, history: History) -> HistoryTry:
    return HistoryTry(
        processor=processor,
        date=each.date,
        table=table.name if table else "",
        status=storable(each.status, LONGEST_NAME),
        failed=history.is_failure(each.status),
        started_at=each.started_at,
        seconds=None if history.is_running(each.status) else finite_seconds(each),
        errors=shortened(each.errors),
    )


def finite_seconds(each: Try) -> float | None:
    return each.seconds if each.seconds is not None and math.isfinite(each.seconds) else None


def facts_of(row: HistoryTry) -> list[object]:
    return [getattr(row, name) for name in FACTS]


def shortened(errors: str) -> str:
    """The beginning and the end of a long text, where a traceback has its error."""
    text = masking.text(errors.replace("\x00", "").strip())
    half = LONGEST_ERRORS // 2
    return text if len(text) <= LONGEST_ERRORS else f"{text[:half]} … {text[-half:]}"


def storable(text: str, most: int) -> str:
    """The text without what a database cannot store, shortened."""
    return masking.text(text.replace("\x00", "").strip())[:most]
