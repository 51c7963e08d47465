"""What the console remembers of the warehouse: the calendar, one partition a table and date, and the scans."""

from apps.coverage.models.accepted_gap import AcceptedGap, AcceptedGapQuerySet
from apps.coverage.models.calendar import (
    CalendarDate,
    CalendarReading,
    InSeason,
    RemovedDate,
    RemovedDateQuerySet,
    calendar_between,
)
from apps.coverage.models.history import HistoryReading, HistoryTry, HistoryTryQuerySet
from apps.coverage.models.partition import (
    Partition,
    PartitionQuerySet,
    band,
    open_failure,
    redo_in_words,
    set_activity,
    shown,
)
from apps.coverage.models.scan import Scan, ScanQuerySet
from apps.coverage.models.table_reading import TableReading
from apps.coverage.models.verification import Verification

__all__ = [
    "AcceptedGap",
    "AcceptedGapQuerySet",
    "CalendarDate",
    "CalendarReading",
    "HistoryReading",
    "HistoryTry",
    "HistoryTryQuerySet",
    "InSeason",
    "Partition",
    "PartitionQuerySet",
    "RemovedDate",
    "RemovedDateQuerySet",
    "Scan",
    "ScanQuerySet",
    "TableReading",
    "Verification",
    "band",
    "calendar_between",
    "open_failure",
    "redo_in_words",
    "set_activity",
    "shown",
]
