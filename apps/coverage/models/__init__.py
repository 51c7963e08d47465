"""What the console remembers of the warehouse: the calendar, one partition a table and date, and the scans."""

from apps.coverage.models.accepted_gap import AcceptedGap
from apps.coverage.models.calendar import CalendarDate, CalendarReading, RemovedDate, calendar_between
from apps.coverage.models.history import HistoryReading, HistoryTry, HistoryTryQuerySet
from apps.coverage.models.partition import (
    Partition,
    PartitionQuerySet,
    band,
    redo_in_words,
    set_activity,
    shown,
)
from apps.coverage.models.scan import Scan
from apps.coverage.models.table_reading import TableReading
from apps.coverage.models.verification import Verification

__all__ = [
    "AcceptedGap",
    "CalendarDate",
    "CalendarReading",
    "HistoryReading",
    "HistoryTry",
    "HistoryTryQuerySet",
    "Partition",
    "PartitionQuerySet",
    "RemovedDate",
    "Scan",
    "TableReading",
    "Verification",
    "band",
    "calendar_between",
    "redo_in_words",
    "set_activity",
    "shown",
]
