"""What became of dates that had rows already and were done again: changed or as before, with more rows or fewer."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, F, Min, Q, Sum

from apps.runs.models import Run, Step
from apps.runs.words import count

DECIDED = (Step.Status.SUCCEEDED, Step.Status.FAILED)
REGRESSION = "regression:"  # how the message of a step begins whose complete date came out smaller


@dataclass(frozen=True)
class Reworked:
    """The dates of a table that were done again. `lost_rows` are those of dates that came out smaller."""

    table: str
    dates: int
    unchanged: int
    rows_before: int
    rows_after: int
    lost_rows: int
    regressions: int

    @property
    def changed(self) -> int:
        return self.dates - self.unchanged


@dataclass(frozen=True)
class Rework:
    """All tables of a run of which something was done again, in the run's order."""

    tables: tuple[Reworked, ...]
    is_asked_for: bool

    @property
    def says(self) -> str:
        """ "12 of 14 dates changed"; "no change" where all are as they were."""
        dates = sum(table.dates for table in self.tables)
        changed = sum(table.changed for table in self.tables)
        if not dates:
            return "no date with rows was done again yet"
        if not changed:
            return f"no change: {count(dates, 'partition')} as before"
        return f"{changed:,} of {count(dates, 'partition')} changed"


def of(run: Run) -> Rework | None:
    """What the run did again, in one query; None where it did nothing again and was not asked to."""
    found = Rework(tuple(tables_of(run)), is_asked_for=run.reprocess == Run.Reprocess.ALL)
    return found if found.tables or found.is_asked_for else None


def tables_of(run: Run) -> list[Reworked]:
    steps = run.steps.filter(status__in=DECIDED, rows_before__gt=0, rows_after__isnull=False)
    called = steps.exclude(attempt=None)  # what was found complete without a call is not done again
    fewer = Q(rows_after__lt=F("rows_before"))
    rows = called.order_by().values("table").annotate(
        dates=Count("id"),
        unchanged=Count("id", filter=same("rows") & same("keys") & same("written")),
        before=Sum("rows_before"),
        after=Sum("rows_after"),
        lost_rows=Sum(F("rows_before") - F("rows_after"), filter=fewer, default=0),
        regressions=Count("id", filter=Q(message__startswith=REGRESSION)),
        first=Min("position"),
    )  # fmt: skip
    return [
        Reworked(
            table=row["table"],
            dates=row["dates"],
            unchanged=row["unchanged"],
            rows_before=row["before"],
            rows_after=row["after"],
            lost_rows=row["lost_rows"],
            regressions=row["regressions"],
        )
        for row in rows.order_by("first")
    ]


def same(fact: str) -> Q:
    """Whether a fact was the same before and after, or was not known either time."""
    before, after = f"{fact}_before", f"{fact}_after"
    return Q(**{before: F(after)}) | Q(**{f"{before}__isnull": True, f"{after}__isnull": True})
