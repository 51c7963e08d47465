"""The batch size: how many dates the next call of a job takes, as configured or to fill a minute or two."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, QuerySet

from apps.pipeline.sections import Job
from apps.runs.models import Attempt, Run, Step

AIM = (60.0, 120.0)  # seconds that a call should take, so that stopping and going on cost little
GROWTH = 1.2
FIRST = 5  # dates of the first call where nothing is known
MOST = 1000
CAME_TO_AN_END = (Attempt.Status.ENDED, Attempt.Status.TIMED_OUT)
CALLS_USED = 5  # calls of a table that say how long a date takes


@dataclass(frozen=True, slots=True)
class EndedCall:
    """A call that ended: how many dates it took, for how long, whether its time ran out, and then without any date
    verified: it hung."""

    dates: int
    seconds: float
    timed_out: bool = False
    hung: bool = False


def dates_a_call(job: Job, wished: int | None, calls: Sequence[EndedCall] = ()) -> int:
    """How many dates the next call takes, from the last ones, newest first.

    Where the number is fixed, only a call that timed out makes it smaller for a while.
    """
    fixed = fixed_number(job, wished)
    if fixed == 1 or hangs(calls):
        return 1
    if fixed == Run.AUTO:
        return automatic(calls)
    return min(fixed, after_a_timeout(calls)) if any(call.timed_out for call in calls) else fixed


def fixed_number(job: Job, wished: int | None) -> int:
    """How many dates each call takes, as far as nothing is known of others; `Run.AUTO` where the calls before say."""
    if job.dates == "single":
        return 1
    return wished if wished is not None else job.dates_a_call


def hangs(calls: Sequence[EndedCall]) -> bool:
    """Whether two calls in a row got no date done in their time: then a single date shows whether any can be."""
    return len(calls) > 1 and calls[0].hung and calls[1].hung


def calls(
    job: Job, dates: Iterable[dt.date], most: int, calendar: Collection[dt.date]
) -> list[list[dt.date]]:
    """The dates of each call that fills these dates of one season, in their order, where nothing is in its way.

    `calendar` has all expected dates: a range has none between its ends that is not to be filled.
    """
    place = {date: number for number, date in enumerate(sorted(calendar))}
    found: list[list[dt.date]] = []
    for date in dates:
        last = found[-1] if found else []
        is_next = bool(last) and (not job.takes_ranges or abs(place[date] - place[last[-1]]) == 1)
        if is_next and len(last) < most:
            last.append(date)
        else:
            found.append([date])
    return found


def automatic(calls: Sequence[EndedCall]) -> int:
    """As many as take AIM: shrinks at once, grows by a fifth at most; half of a call that timed out."""
    if not calls:
        return FIRST
    last = calls[0]
    if last.timed_out:
        return max(last.dates // 2, 1)
    if AIM[0] <= last.seconds <= AIM[1]:
        return last.dates
    fitting = int(sum(AIM) / 2 / max(last.seconds / last.dates, 0.001))
    return max(1, min(fitting, grown(last.dates), MOST))


def after_a_timeout(calls: Sequence[EndedCall]) -> int:
    """Half of a call that timed out; then a fifth more with each call that did not."""
    return max(calls[0].dates // 2, 1) if calls[0].timed_out else grown(calls[0].dates)


def grown(dates: int) -> int:
    return max(dates + 1, int(dates * GROWTH))


def last_calls(run: Run, table: str) -> list[EndedCall]:
    """The run's last calls for a table that came to an end, newest first."""
    attempts = with_verified(run.attempts.filter(table=table, status__in=CAME_TO_AN_END)).order_by("-number")
    newest = attempts.only("dates", "status", "started_at", "finished_at")[:CALLS_USED]
    return [ended_call(attempt) for attempt in newest if attempt.dates]


def with_verified(attempts: QuerySet[Attempt]) -> QuerySet[Attempt]:
    """The attempts, each with whether it verified any date."""
    verified = Step.objects.filter(attempt=OuterRef("pk"), status=Step.Status.SUCCEEDED)
    return attempts.annotate(has_verified=Exists(verified))


def ended_call(attempt: Attempt) -> EndedCall:
    """The call of an attempt that came to an end, as `with_verified` loads it."""
    timed_out = attempt.status == Attempt.Status.TIMED_OUT
    hung = timed_out and not getattr(attempt, "has_verified", False)
    return EndedCall(len(attempt.dates), attempt.seconds or 0.0, timed_out, hung)


def next_size(run: Run, table: str, job: Job) -> int:
    """How many dates the run's next call for this table takes."""
    return 1 if fixed_number(job, run.batch) == 1 else dates_a_call(job, run.batch, last_calls(run, table))
