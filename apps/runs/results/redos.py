"""The outcome of reprocessed dates: changed or as before, with more rows or fewer."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Case, CharField, Count, F, Min, Q, Sum, TextChoices, Value, When

from apps.runs.models import Run, Step
from apps.text import count

DECIDED = (Step.Status.SUCCEEDED, Step.Status.FAILED)
REGRESSION = "regression:"  # how the message of a step begins whose complete date came out smaller


def same(fact: str) -> Q:
    """Whether a fact was the same before and after, or was not known either time."""
    before, after = f"{fact}_before", f"{fact}_after"
    return Q(**{before: F(after)}) | Q(**{f"{before}__isnull": True, f"{after}__isnull": True})


# What was found complete without a call is not done again. A date may be complete without rows.
WAS_FILLED = Q(rows_before__gt=0) | Q(is_redo=True)
DONE_AGAIN = WAS_FILLED & Q(status__in=DECIDED, rows_after__isnull=False, attempt__isnull=False)
# A job that writes a date writes it at another time: the time alone is no change.
AS_BEFORE = Q(rows_before=F("rows_after")) & same("keys")
NOT_WRITTEN = Q(written_before=F("written_after"))
TIME_NOT_KNOWN = Q(written_after=None)


class ReprocessOutcome(TextChoices):
    """What became of a date that was done again, by its rows and its different keys."""

    CHANGED = "changed"
    WRITTEN_AGAIN = "written again", "as before, written again"
    NOT_WRITTEN = "not written", "as before, not written at all"
    AS_BEFORE = "as before"  # when its rows were written is not known


@dataclass(frozen=True)
class Reworked:
    """The dates of a table that were done again. Of the unchanged ones, some were written again and some not at all;
    of others that is not known. `lost_rows` are those of dates that came out smaller."""

    table: str
    dates: int
    unchanged: int
    written_again: int
    not_written: int
    rows_before: int
    rows_after: int
    lost_rows: int
    regressions: int

    @property
    def changed(self) -> int:
        return self.dates - self.unchanged

    @property
    def writing(self) -> str:
        return writing(self.unchanged, self.written_again, self.not_written)


@dataclass(frozen=True)
class Rework:
    """All tables of a run of which something was done again, in the run's order."""

    tables: tuple[Reworked, ...]
    is_asked_for: bool

    @property
    def says(self) -> str:
        """ "12 of 14 partitions changed"; "no change: 14 partitions as before, written again"."""
        if not self.tables:
            return "no date was done again"
        dates, unchanged = self.all("dates"), self.all("unchanged")
        wrote = writing(unchanged, self.all("written_again"), self.all("not_written"))
        if unchanged == dates:
            return ", ".join(filter(None, (f"no change: {count(dates, 'partition')} as before", wrote)))
        changed = f"{dates - unchanged:,} of {count(dates, 'partition')} changed"
        as_before = f"{unchanged:,} as before" if unchanged else ""
        return ", ".join(filter(None, (changed, as_before, wrote)))

    def all(self, fact: str) -> int:
        return sum(getattr(table, fact) for table in self.tables)


def writing(unchanged: int, again: int, not_at_all: int) -> str:
    """Whether what is as before was written: "written again", "not written at all", or how many of each."""
    if unchanged and unchanged in (again, not_at_all):
        return "written again" if again else "not written at all"
    parts = ((again, "written again"), (not_at_all, "not written at all"))
    return ", ".join(f"{number:,} {words}" for number, words in parts if number)


def rework_of(run: Run) -> Rework | None:
    """What the run did again, in one query; None if it did nothing again and was not asked to."""
    found = Rework(tuple(tables_of(run)), is_asked_for=run.reprocess == Run.Reprocess.ALL)
    return found if found.tables or found.is_asked_for else None


def tables_of(run: Run) -> list[Reworked]:
    fewer = Q(rows_after__lt=F("rows_before"))
    rows = run.steps.filter(DONE_AGAIN).order_by().values("table").annotate(
        dates=Count("id"),
        unchanged=Count("id", filter=AS_BEFORE),
        not_written=Count("id", filter=AS_BEFORE & NOT_WRITTEN),
        written_again=F("unchanged") - F("not_written") - Count("id", filter=AS_BEFORE & TIME_NOT_KNOWN),
        before=Sum("rows_before"),
        after=Sum("rows_after"),
        lost=Sum(F("rows_before") - F("rows_after"), filter=fewer, default=0),
        regressions=Count("id", filter=Q(message__startswith=REGRESSION)),
        first=Min("position"),
    )  # fmt: skip
    columns = ("table", "dates", "unchanged", "written_again", "not_written", "before", "after", "lost")
    return [Reworked(*row) for row in rows.order_by("first").values_list(*columns, "regressions")]


def again() -> Case:
    """The `ReprocessOutcome` of a step; empty if its date was not done again."""
    return Case(
        When(DONE_AGAIN & AS_BEFORE & NOT_WRITTEN, then=Value(ReprocessOutcome.NOT_WRITTEN)),
        When(DONE_AGAIN & AS_BEFORE & TIME_NOT_KNOWN, then=Value(ReprocessOutcome.AS_BEFORE)),
        When(DONE_AGAIN & AS_BEFORE, then=Value(ReprocessOutcome.WRITTEN_AGAIN)),
        When(DONE_AGAIN, then=Value(ReprocessOutcome.CHANGED)),
        default=Value(""),
        output_field=CharField(),
    )
