"""A partition: one table on one date, what the warehouse had there and what runs do about it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable

from django.db import models


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
        """Open failures of a run, and what is not filled and in no run: also for attempts outside the console."""
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
        """The number of rows it lost since it was complete; 0 if it lost none or that is unknown."""
        if self.rows is None or self.complete_rows is None:
            return 0
        return max(self.complete_rows - self.rows, 0)

    @property
    def shown(self) -> str:
        return shown(self.state, self.activity)

    @property
    def is_gap(self) -> bool:
        return self.state in self.GAPS

    @property
    def is_accepted(self) -> bool:
        return self.state == self.State.ACCEPTED

    @property
    def can_be_accepted(self) -> bool:
        return self.activity not in self.IN_A_RUN and (self.is_gap or self.is_closable)

    @property
    def expects_no_rows(self) -> bool:
        """Whether the date was counted and no row is due: off the calendar, in the bootstrap, not over yet."""
        return self.rows is not None and self.state == self.State.NOT_EXPECTED

    @property
    def fallback_percent(self) -> int | None:
        return None if self.fallback_share is None else int(100 * self.fallback_share)

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


def set_activity(
    table: str, dates: Collection[dt.date], activity: Partition.Activity, *, run_id: int | None
) -> None:
    """Stores what a run does about these partitions; to be called in the transaction of its steps.

    What a person closed is open again where a run fails at it.
    """
    decided = activity in (Partition.Activity.FAILED, *Partition.NOT_REDONE)
    opened = {"closed_by": None} if decided else {}
    Partition.objects.filter(table=table, date__in=dates).update(activity=activity, run_id=run_id, **opened)
