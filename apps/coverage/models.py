"""What the console remembers of the warehouse: the calendar, one partition a table and date, and the scans."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.urls import reverse
from django.utils import timezone

from apps.fields import MaskedReportField, MaskedTextField


class InSeason(models.Manager["CalendarDate"]):
    def get_queryset(self) -> models.QuerySet[CalendarDate]:
        return super().get_queryset().exclude(season="")


class CalendarDate(models.Model):
    """A date on which tables are expected to have rows, and how much there is to do on it.

    `read` has those too that lie in no season of the pipeline file since it was changed, until the next scan.
    """

    date = models.DateField(unique=True)
    season = models.CharField(max_length=200)
    units = models.PositiveIntegerField()

    objects = InSeason()
    read = models.Manager["CalendarDate"]()

    class Meta:
        ordering = ["date"]

    def __str__(self) -> str:
        return f"{self.date}: {self.units}"


class PartitionQuerySet(models.QuerySet["Partition"]):
    def of(self, tables: Iterable[str]) -> PartitionQuerySet:
        return self.filter(table__in=list(tables))

    def between(self, start: dt.date | None, end: dt.date | None) -> PartitionQuerySet:
        found = self
        if start:
            found = found.filter(date__gte=start)
        if end:
            found = found.filter(date__lte=end)
        return found

    def gaps(self) -> PartitionQuerySet:
        """Expected and not complete, as far as the warehouse was asked."""
        return self.filter(state__in=Partition.GAPS)

    def acceptable(self) -> PartitionQuerySet:
        """Gaps that no run is about to fill."""
        return self.gaps().exclude(activity__in=Partition.IN_A_RUN)

    def regressions(self) -> PartitionQuerySet:
        """Once complete, and with fewer rows or different keys now than then."""
        fewer_rows = models.Q(rows__lt=models.F("complete_rows"))
        lost = self.filter(fewer_rows | models.Q(keys__lt=models.F("complete_keys")))
        return lost.exclude(state__in=(Partition.State.ACCEPTED, Partition.State.NOT_EXPECTED))

    def still_open(
        self, table: str, dates: Collection[dt.date], activity: Partition.Activity
    ) -> list[dt.date]:
        """Those of the dates whose failure neither a reading nor a person closed since."""
        found = self.filter(table=table, date__in=dates, closed_by=None)
        if activity == Partition.Activity.FAILED:
            found = found.exclude(state=Partition.State.COMPLETE)
        return list(found.values_list("date", flat=True))

    def open_failures(self) -> PartitionQuerySet:
        """What a run tried last and did not do: not filled, or complete with the rows that it was to redo."""
        return self.filter(open_failure())

    def open_where_tried(self) -> PartitionQuerySet:
        """Where a failure is open, whoever tried: an open failure of a run, or not filled and in no run."""
        left = Partition.NOT_FILLED & ~models.Q(activity__in=Partition.IN_A_RUN)
        return self.filter(open_failure() | left)

    def closable(self) -> PartitionQuerySet:
        """Open failures that are no gap to accept: redos that were not done, and dates that left the calendar."""
        not_redone = models.Q(activity__in=Partition.NOT_REDONE) & ~models.Q(state=Partition.State.UNKNOWN)
        return self.open_failures().filter(not_redone | Partition.OFF_CALENDAR)


def open_failure() -> models.Q:
    not_filled = models.Q(activity=Partition.Activity.FAILED) & Partition.NOT_FILLED
    left_calendar = Partition.OFF_CALENDAR & models.Q(acceptance=None)
    not_wanted = (Partition.State.ACCEPTED, Partition.State.NOT_EXPECTED)
    not_redone = models.Q(activity__in=Partition.NOT_REDONE) & ~models.Q(state__in=not_wanted)
    failed = models.Q(activity__in=(Partition.Activity.FAILED, *Partition.NOT_REDONE))
    return not_filled | not_redone | (failed & left_calendar)


class Partition(models.Model):
    """One table on one date: what the warehouse said last, and what runs are doing about it."""

    class State(models.TextChoices):
        COMPLETE = "complete"
        THIN = "thin"
        EXCESS = "excess"
        MISSING = "missing"
        STALE = "stale"
        UNEXPECTED = "unexpected"
        UNKNOWN = "unknown"
        ACCEPTED = "accepted"
        NOT_EXPECTED = "not_expected", "not expected"

    class Activity(models.TextChoices):
        NONE = "", "none"
        QUEUED = "queued"
        RUNNING = "running"
        FAILED = "failed"
        REDO_FAILED = "redo_failed", "redo failed"
        REDO_SKIPPED = "redo_skipped", "redo skipped"

    GAPS = (State.MISSING, State.THIN, State.EXCESS, State.STALE)
    SETTLED = (State.COMPLETE, State.ACCEPTED, State.NOT_EXPECTED)
    IN_A_RUN = (Activity.QUEUED, Activity.RUNNING)
    # It was complete when a run was to fill it again, and was not: only a later run knows that it was.
    NOT_REDONE = (Activity.REDO_FAILED, Activity.REDO_SKIPPED)
    OFF_CALENDAR = models.Q(state=State.NOT_EXPECTED, season="")
    NOT_FILLED = ~models.Q(state__in=SETTLED)

    table = models.CharField(max_length=200)
    date = models.DateField()
    season = models.CharField(max_length=200, blank=True, help_text="Empty for a date off the calendar.")
    state = models.CharField(max_length=12, choices=State, default=State.UNKNOWN)
    reason = models.TextField(blank=True, help_text="Why it has this state, as a sentence.")
    acceptance = models.ForeignKey(
        "AcceptedGap", models.SET_NULL, null=True, related_name="partitions", help_text="While it stands."
    )
    read_state = models.CharField(
        max_length=12, blank=True, help_text="What the warehouse said, where a person accepted it."
    )
    units = models.PositiveIntegerField(default=0)
    rows = models.PositiveBigIntegerField(
        null=True, help_text="Empty where the warehouse could not be asked."
    )
    complete_rows = models.PositiveBigIntegerField(
        null=True, help_text="With how many it was complete; fewer now are a loss."
    )
    keys = models.PositiveBigIntegerField(
        null=True,
        help_text="Different keys among its rows; empty where no key is declared, or none was counted.",
    )
    complete_keys = models.PositiveBigIntegerField(
        null=True, help_text="With how many different keys it was complete; fewer now are a loss."
    )
    least = models.FloatField(null=True, help_text="Rows it should have, at least.")
    most = models.FloatField(null=True, help_text="Rows it should have, at most; empty for no limit.")
    quality = models.FloatField(null=True)
    fallback_share = models.FloatField(null=True)
    written_at = models.DateTimeField(null=True)
    modified_at = models.DateTimeField(
        null=True, help_text="When the warehouse last wrote there, where it notes that for each date."
    )
    read_at = models.DateTimeField(
        help_text="When the warehouse last said something new about it, or was asked about a few dates of the table."
    )
    activity = models.CharField(max_length=12, choices=Activity, default=Activity.NONE, blank=True)
    closed_by = models.ForeignKey(
        "AcceptedGap",
        models.SET_NULL,
        null=True,
        related_name="closed_failures",
        help_text="Its open failure.",
    )
    run_id = models.BigIntegerField(null=True, help_text="The run that the activity is about.")
    seconds = models.FloatField(null=True, help_text="How long the last step that completed it took.")

    objects = PartitionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["table", "date"], name="one_partition_a_table_and_date")
        ]
        indexes = [
            models.Index(fields=["season", "table", "date"]),
            models.Index(fields=["activity"], condition=~models.Q(activity=""), name="partition_active"),
        ]
        permissions = [("operate_coverage", "Can scan and accept gaps")]

    def __str__(self) -> str:
        return f"{self.table} {self.date}: {self.state}"

    @property
    def lost_rows(self) -> int:
        """How many rows it lost since it was complete; 0 where it lost none or nobody knows."""
        if self.rows is None or self.complete_rows is None:
            return 0
        return max(self.complete_rows - self.rows, 0)

    @property
    def shown(self) -> str:
        return shown(self.state, self.activity)

    @property
    def is_closable(self) -> bool:
        """`closable` of one: a redo that was not done, or a failure on a date that left the calendar."""
        if self.state == self.State.NOT_EXPECTED:
            return self.season == "" and self.activity in (self.Activity.FAILED, *self.NOT_REDONE)
        not_now = (self.State.ACCEPTED, self.State.UNKNOWN)
        return self.activity in self.NOT_REDONE and self.state not in not_now

    @property
    def mark(self) -> str:
        """ "complete, but its redo failed in run 6", "off the calendar now; failed in run 6"; else empty."""
        if self.is_closable and self.state == self.State.NOT_EXPECTED:
            return f"off the calendar now; failed in run {self.run_id}"
        return redo_in_words(self.state, self.activity, self.run_id)

    @property
    def expected_rows(self) -> str:
        return band(self.least, self.most)


def shown(state: str, activity: str) -> str:
    """What a cell shows: work under way first, a failure where there is nothing, a redo that was not done where all is
    there, else the warehouse's word."""
    if activity in (Partition.Activity.QUEUED, Partition.Activity.RUNNING):
        return activity
    if activity in Partition.NOT_REDONE and state == Partition.State.COMPLETE:
        return activity
    if activity in (Partition.Activity.FAILED, Partition.Activity.REDO_FAILED):
        return Partition.Activity.FAILED if state == Partition.State.MISSING else state
    return state


def redo_in_words(state: str, activity: str, run_id: int | None) -> str:
    """ "complete, but its redo failed in run 6"; empty where the last redo is not open."""
    if activity not in Partition.NOT_REDONE:
        return ""
    what = "failed" if activity == Partition.Activity.REDO_FAILED else "was skipped"
    joint = ", but" if state == Partition.State.COMPLETE else ";"
    return f"{state.replace('_', ' ')}{joint} its redo {what} in run {run_id}"


def band(least: float | None, most: float | None) -> str:
    """Expected rows in words: "16", "224 to 320", "at least 1"; empty where nothing is expected."""
    if least is None:
        return ""
    if most is None:
        return f"at least {least:,.0f}"
    return f"{least:,.0f}" if least == most else f"{least:,.0f} to {most:,.0f}"


class AcceptedGapQuerySet(models.QuerySet["AcceptedGap"]):
    def standing(self, today: dt.date) -> AcceptedGapQuerySet:
        return self.filter(withdrawn_at=None).exclude(until__lt=today)

    def expired(self, today: dt.date) -> AcceptedGapQuerySet:
        return self.filter(withdrawn_at=None, until__lt=today)

    def withdrawn(self) -> AcceptedGapQuerySet:
        return self.exclude(withdrawn_at=None)


class AcceptedGap(models.Model):
    """Gaps that a person knows of and does not want filled: they leave the to-do and every denominator."""

    tables = models.JSONField(help_text="By name, in the pipeline's order.")
    start = models.DateField()
    end = models.DateField(help_text="Included.")
    dates = models.JSONField(default=dict, help_text="For each table, the ranges that were accepted.")
    count = models.PositiveIntegerField(default=0, help_text="How many partitions that were.")
    failures = models.JSONField(
        default=list, help_text="The open failures that it closed: table, date, activity, run."
    )
    reason = models.TextField()
    accepted_by = models.CharField(max_length=150)
    accepted_at = models.DateTimeField(default=timezone.now)
    until = models.DateField(null=True, help_text="The last day on which it stands; empty for no end.")
    withdrawn_by = models.CharField(max_length=150, blank=True)
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_reason = models.TextField(blank=True)

    objects = AcceptedGapQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"Accepted {self.start} to {self.end}: {self.reason}"

    def has_expired(self, today: dt.date) -> bool:
        return self.until is not None and self.until < today

    def status(self, today: dt.date) -> str:
        """ "standing", "expired" or "withdrawn"."""
        if self.withdrawn_at:
            return "withdrawn"
        return "expired" if self.has_expired(today) else "standing"


class ScanQuerySet(models.QuerySet["Scan"]):
    def active(self) -> ScanQuerySet:
        return self.filter(status__in=(Scan.Status.QUEUED, Scan.Status.RUNNING))

    def latest_finished(self) -> Scan | None:
        return self.exclude(finished_at=None).order_by("-finished_at").first()

    def latest_reading(self) -> Scan | None:
        """The last one to which the warehouse answered: everything that is known is at least that fresh."""
        return self.filter(status=Scan.Status.SUCCEEDED).latest_finished()

    def failing_since(self, reading: Scan | None) -> dt.datetime | None:
        """When the first scan after that reading could not ask; None where all could."""
        failed = self.filter(status=Scan.Status.FAILED)
        if reading:
            failed = failed.filter(finished_at__gt=reading.finished_at)
        return failed.aggregate(first=models.Min("finished_at"))["first"]


class Scan(models.Model):
    """One round of asking the warehouse about all tables."""

    # What the problem of a failed scan begins with.
    NOT_ASKED = "The warehouse could not be asked: "

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"

    status = models.CharField(max_length=10, choices=Status, default=Status.QUEUED)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True)
    requested_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    tables_done = models.PositiveIntegerField(default=0)
    tables_total = models.PositiveIntegerField(default=0)
    queries = models.PositiveIntegerField(default=0)
    bytes_billed = models.PositiveBigIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0, help_text="Partitions about which something was new.")
    problem = MaskedTextField(blank=True, help_text="Why the warehouse could not be asked, as a sentence.")
    notes = MaskedTextField(blank=True, help_text="What to know of tables that did answer, a sentence each.")

    objects = ScanQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["status"], condition=models.Q(status="queued"), name="one_scan_in_the_queue"
            )
        ]

    def __str__(self) -> str:
        return f"Scan {self.pk}: {self.status}"

    @property
    def is_active(self) -> bool:
        return self.status in (self.Status.QUEUED, self.Status.RUNNING)

    @property
    def seconds(self) -> float | None:
        """How long it took; None before its end."""
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()

    @property
    def reason(self) -> str:
        """The problem to be put into a sentence: without its beginning, without its full stop."""
        return self.clause(self.problem)

    @classmethod
    def clause(cls, problem: str) -> str:
        return problem.removeprefix(cls.NOT_ASKED).rstrip(".")

    @property
    def has_failed(self) -> bool:
        return self.status == self.Status.FAILED

    @property
    def was_not_answered(self) -> bool:
        """Whether it failed since the warehouse could not be asked, and not since its worker died."""
        return self.has_failed and self.problem.startswith(self.NOT_ASKED)


class CalendarReading(models.Model):
    """What the calendar said when it said something new. Until the next one it says the same."""

    scan = models.ForeignKey(Scan, models.SET_NULL, null=True, help_text="Empty for a scan of some dates.")
    read_at = models.DateTimeField()
    is_first = models.BooleanField(default=False, help_text="The first of the whole calendar: no change.")
    changes = models.JSONField(
        default=list, help_text="Date, units before and after; null where not expected."
    )
    off_season = models.JSONField(default=list, help_text="Dates with units that lie in no season.")
    not_final = models.JSONField(null=True, help_text="Past dates that are not final; null where unknown.")
    to_come = models.JSONField(
        default=list, help_text="Dates on it that were not over yet, with their units."
    )
    problem = MaskedTextField(blank=True, help_text="Why nobody could say which dates are not final.")

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"Calendar at {self.read_at}: {len(self.changes)} changes"


class RemovedDateQuerySet(models.QuerySet["RemovedDate"]):
    def open(self) -> RemovedDateQuerySet:
        """Those that did not come back, and of which no person said that it is right."""
        return self.filter(returned_at=None, confirmed_at=None)

    def confirmed(self) -> RemovedDateQuerySet:
        return self.exclude(confirmed_at=None)


class RemovedDate(models.Model):
    """A date that left the calendar: nothing is expected of it, so that every percentage has a smaller whole."""

    date = models.DateField()
    season = models.CharField(max_length=200, help_text="The one that it was expected in.")
    units = models.PositiveIntegerField()
    removed_at = models.DateTimeField(help_text="When the calendar was read without it.")
    returned_at = models.DateTimeField(null=True, help_text="When the calendar had it again.")
    confirmed_at = models.DateTimeField(null=True)
    confirmed_by = models.CharField(max_length=150, blank=True)
    note = models.TextField(blank=True, help_text="Why it is right, as far as the person said so.")

    objects = RemovedDateQuerySet.as_manager()

    class Meta:
        ordering = ["date", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["date"],
                condition=models.Q(returned_at=None, confirmed_at=None),
                name="one_open_removal_a_date",
            )
        ]

    def __str__(self) -> str:
        return f"{self.date} left the calendar at {self.removed_at}"


class TableReading(models.Model):
    """When a table as a whole was last read, and since when and why it cannot be read, where that is so."""

    class Awaited(models.TextChoices):
        WAREHOUSE = "warehouse"  # it did not answer
        TURN = "turn"  # a call of the console's own has the warehouse file
        SCAN = "scan"  # it answers again, and is read

    table = models.CharField(max_length=200, unique=True)
    scan = models.ForeignKey(Scan, models.SET_NULL, null=True, help_text="The one that read it last.")
    read_at = models.DateTimeField(null=True, help_text="Empty while it was never read as a whole.")
    silent_since = models.DateTimeField(
        null=True, help_text="Empty where it answered when it was last asked."
    )
    is_outage = models.BooleanField(
        default=False, help_text="Whether the warehouse as a whole did not answer, not only this table."
    )
    awaited = models.CharField(
        max_length=10,
        choices=Awaited,
        blank=True,
        help_text="What is looked for every minute until the table is read again; empty where looking does not help.",
    )
    problem = MaskedTextField(blank=True, help_text="Why it cannot be read, without a full stop.")
    columns = models.TextField(blank=True, help_text="Those that its partitions tell of beside their rows.")
    rules = models.CharField(
        max_length=64,
        blank=True,
        help_text="A digest of the rules in the pipeline file that it was judged by.",
    )
    dated_by = models.TextField(
        blank=True, help_text="The column and the time zone that gave its rows their dates."
    )

    def __str__(self) -> str:
        return f"{self.table} at {self.read_at}"


class HistoryReading(models.Model):
    """When the warehouse's run history was last asked, and why it could not answer."""

    table = models.CharField(max_length=200, unique=True)
    read_at = models.DateTimeField(null=True, help_text="When it was last asked; empty for never.")
    problem = MaskedTextField(blank=True, help_text="Why it could not answer, without a full stop.")

    def __str__(self) -> str:
        return f"Run history {self.table} at {self.read_at}"

    @property
    def is_known(self) -> bool:
        """Whether it answered when it was last asked; if not, what was tried is unknown, not nothing."""
        return self.read_at is not None and not self.problem


class HistoryTryQuerySet(models.QuerySet["HistoryTry"]):
    def failed(self) -> HistoryTryQuerySet:
        return self.filter(failed=True)

    def still_open(self) -> HistoryTryQuerySet:
        return self.filter(self.is_open())

    def is_open(self) -> models.Exists:
        """Whether its failure is open: one definition for what runs and others tried."""
        partitions = Partition.objects.filter(table=models.OuterRef("table"), date=models.OuterRef("date"))
        return models.Exists(partitions.open_where_tried())

    def of_no_table(self) -> HistoryTryQuerySet:
        return self.filter(table="")


class HistoryTry(models.Model):
    """A processor's latest attempt at a date, as the warehouse's run history tells it, whoever started it."""

    processor = models.CharField(max_length=200)
    date = models.DateField()
    table = models.CharField(
        max_length=200,
        blank=True,
        help_text="The one that the processor fills; empty where no table names it.",
    )
    status = models.CharField(max_length=200, blank=True)
    failed = models.BooleanField()
    started_at = models.DateTimeField(null=True)
    seconds = models.FloatField(null=True)
    errors = MaskedTextField(blank=True)

    objects = HistoryTryQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["processor", "date"], name="one_try_a_processor_and_date")
        ]
        indexes = [
            models.Index(fields=["table", "started_at"]),
            models.Index(fields=["started_at"]),
            models.Index(fields=["table", "date"], condition=models.Q(failed=True), name="history_failed"),
        ]

    def __str__(self) -> str:
        return f"{self.processor} {self.date}: {self.status}"


class Verification(models.Model):
    """A range and tables, verified: the report that came of it is kept as it was."""

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        FINISHED = "finished"
        FAILED = "failed"

    status = models.CharField(max_length=10, choices=Status, default=Status.QUEUED)
    requested_by = models.CharField(max_length=150)
    requested_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    start = models.DateField()
    end = models.DateField(help_text="Included.")
    seasons = models.JSONField(default=list, help_text="Those that were named; none for all.")
    tables = models.JSONField(default=list, help_text="The tables that were verified, by name.")
    whole = models.BooleanField(default=False, help_text="Whether these are all tables of the pipeline.")
    stage = models.CharField(max_length=200, blank=True, help_text="What it is about, while it runs.")
    verdict = models.CharField(max_length=20, blank=True, help_text="In a word; empty before its end.")
    accepted = models.PositiveIntegerField(default=0, help_text="Accepted gaps that it left out.")
    report = MaskedReportField(null=True, encoder=DjangoJSONEncoder)
    problem = MaskedTextField(blank=True, help_text="Why there is no report, as a sentence.")

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"Verification {self.pk}: {self.verdict or self.status}"

    def get_absolute_url(self) -> str:
        return reverse("verify:report", args=[self.pk])

    @property
    def is_active(self) -> bool:
        return self.status in (self.Status.QUEUED, self.Status.RUNNING)


def calendar_between(start: dt.date, end: dt.date) -> dict[dt.date, CalendarDate]:
    """The stored calendar of a range, by date."""
    return {day.date: day for day in CalendarDate.objects.filter(date__range=(start, end))}


def set_activity(
    table: str, dates: Collection[dt.date], activity: Partition.Activity, *, run_id: int | None
) -> None:
    """Says what a run is doing about these partitions; callers do it in the transaction of their steps.

    What a person closed is open again where a run fails at it.
    """
    decided = activity in (Partition.Activity.FAILED, *Partition.NOT_REDONE)
    opened = {"closed_by": None} if decided else {}
    Partition.objects.filter(table=table, date__in=dates).update(activity=activity, run_id=run_id, **opened)
