"""Discrepancies after a run: reports of calls against verified steps, and where coverage differs by now."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q

from apps.coverage.models import Partition
from apps.grouping import by_key
from apps.pipeline import definition
from apps.runs.models import Attempt, Run, Step
from apps.runs.results import made_stale, redos
from apps.text import date_ranges

VERIFIED = Step.Status.SUCCEEDED
CAME_TO_AN_END = (Attempt.Status.ENDED, Attempt.Status.TIMED_OUT)


@dataclass(frozen=True, slots=True)
class Differs:
    """Dates of a table that a run verified and that are not complete now, all in one state."""

    table: str
    state: str
    dates: tuple[dt.date, ...]

    @property
    def says(self) -> str:
        """ "sales missing on 2024-01-02 to 2024-01-06"."""
        state = self.state.replace("_", " ")
        return f"{definition.short_name(self.table)} {state} on {date_ranges(self.dates, most=made_stale.RANGES_SHOWN)}"


@dataclass(frozen=True)
class Afterwards:
    """How many steps a run verified, and which of their dates are not complete as far as is known now."""

    verified: int
    differs: tuple[Differs, ...]

    @property
    def complete(self) -> int:
        return self.verified - sum(len(each.dates) for each in self.differs)

    @property
    def says(self) -> str:
        """ "14 verified then, 9 complete now: sales missing on 2024-01-02 to 2024-01-06"; empty if all are."""
        if not self.differs:
            return ""
        named = "; ".join(each.says for each in self.differs)
        return f"{self.verified:,} verified then, {self.complete:,} complete now: {named}"

    def as_json(self) -> dict[str, Any]:
        return {
            "text": self.says,
            "verified": self.verified,
            "complete": self.complete,
            "differs": [
                {"table": each.table, "state": each.state, "dates": [str(date) for date in each.dates]}
                for each in self.differs
            ],
        }


def after_run(run: Run, *, verified: int) -> Afterwards:
    """What coverage says now of the steps that the run verified, in one query."""
    step = Step.objects.filter(run=run, status=VERIFIED, table=OuterRef("table"), date=OuterRef("date"))
    rows = Partition.objects.exclude(state=Partition.State.COMPLETE).filter(Exists(step))
    if not verified:
        return Afterwards(verified, ())
    values = rows.order_by("table", "date").values_list("table", "state", "date")
    found = by_key(((table, state), date) for table, state, date in values)
    return Afterwards(verified, tuple(Differs(*key, tuple(dates)) for key, dates in found.items()))


def still_stale_in_words(run: Run) -> str:
    """ "6 are stale still: wave on 2025-03-01 to 2025-03-06", of stale dates that the run was to fill again and
    verified; empty if none is.

    A date of which the warehouse has not said since its call when it was written is not known to be stale. What was
    filled for the first time, or done again though nothing was newer, may be stale by what others did since.
    """
    if run.reprocess == Run.Reprocess.ALL:
        return ""
    same = Step.objects.filter(run=run, status=VERIFIED, table=OuterRef("table"), date=OuterRef("date"))
    step = same.filter(is_redo=True)
    noted_since = Exists(step.filter(attempt__started_at__lte=OuterRef("modified_at")))
    stale = Partition.objects.filter(
        noted_since | Q(Exists(step), modified_at=None), state=Partition.State.STALE
    )
    found = by_key(stale.order_by("table", "date").values_list("table", "date"))
    number = sum(map(len, found.values()))
    if not number:
        return ""
    return f"{number:,} {'is' if number == 1 else 'are'} stale still: {made_stale.tables_in_words(found)}"


def verified_despite(run: Run) -> list[str]:
    """ "2 verified although the job ended with exit status 1": a sentence for each way in which calls went wrong."""
    steps = run.steps.filter(status=VERIFIED, attempt__status__in=CAME_TO_AN_END)
    rows = steps.order_by().values_list("attempt__status", "attempt__exit_status").annotate(Count("id"))
    counts: Counter[str] = Counter()
    for status, exit_status, number in rows:
        if status == Attempt.Status.TIMED_OUT or exit_status != 0:
            counts[how_it_ended(status, exit_status)] += number
    return [f"{number:,} verified although {ended}" for ended, number in sorted(counts.items())]


def how_it_ended(status: str, exit_status: int | None) -> str:
    if status == Attempt.Status.TIMED_OUT:
        return "the call timed out"
    if exit_status is not None and exit_status < 0:
        return f"the job was ended by signal {-exit_status}"
    return f"the job ended with exit status {exit_status}"


def perhaps_not_written(run: Run) -> list[str]:
    """Redone dates that came out as they were, of which nothing says when they were written: a sentence a table, and
    one for those that have no rows."""
    same = redos.DONE_AGAIN & redos.AS_BEFORE & redos.TIME_NOT_KNOWN
    steps = run.steps.filter(same, status=VERIFIED).order_by("table")
    counts = (
        steps.filter(rows_after__gt=0).values_list("table").annotate(Count("id"), keys=Count("keys_after"))
    )
    empty = steps.filter(rows_after=0).values_list("table").annotate(Count("id"))
    return [
        *(
            f"{number:,} verified with as many rows{' and keys' if keys else ''} as before; whether they were written "
            f"again cannot be told, since no written_column of {definition.short_name(table)} says when"
            for table, number, keys in counts
        ),
        *(
            f"{number:,} of {definition.short_name(table)} verified without rows, as before; "
            "whether the job did anything cannot be told"
            for table, number in empty
        ),
    ]


def notes(run: Run, *, verified: int) -> list[str]:
    """All discrepancies as sentences, for the run's page, its summary, its mail and the shell."""
    now = after_run(run, verified=verified).says
    beside = made_stale.in_words_now(run)
    return [*verified_despite(run), *perhaps_not_written(run), *filter(None, (now, beside))]
