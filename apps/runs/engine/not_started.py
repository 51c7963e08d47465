"""Dates of a call that its job never started, by its log: they are pending again, and the attempt does not count."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from itertools import pairwise

from apps.runs.calls.jobs import Outcome
from apps.runs.failures.log_messages import LogReading
from apps.runs.models import Step


def dates_not_started(
    dates: Sequence[dt.date],
    log: LogReading,
    outcome: Outcome,
    *,
    failed: Collection[dt.date],
    untouched: Collection[dt.date],
) -> list[dt.date]:
    """The dates behind the one at which the job aborted, in the order in which it goes through them.

    Only those of `failed` can be meant, on which the call changed nothing. If the job names no date, or none with
    an error, all dates count as tried. The failed date that it names is never returned, so each
    call decides at least one.
    """
    if not any(date in failed and has_failed(date, log, outcome) for date in log.named):
        return []
    order = sorted(dates, reverse=runs_newest_first(dates, log.named))
    last_named = max(map(order.index, log.named))
    return [date for date in order[last_named + 1 :] if date in failed and date in untouched]


def has_failed(date: dt.date, log: LogReading, outcome: Outcome) -> bool:
    """Whether the log names the date with an error, or the job ended at it without another line."""
    return date in log.errors or (date == log.named[-1] and outcome.exit_status not in (0, None))


def runs_newest_first(dates: Sequence[dt.date], named: Sequence[dt.date]) -> bool:
    """Whether the job begins with the newest date, by the order of first mentions; one that names a single date does
    where that is the call's last."""
    if len(named) == 1:
        return named[0] == max(dates)
    return sum(1 if one > other else -1 for one, other in pairwise(named)) > 0


def reset_not_started(steps: Sequence[Step], dates: Collection[dt.date], log: LogReading) -> None:
    """Makes these steps pending as they were before the call, without saving them."""
    for step in steps:
        if step.date in dates:
            step.undo_attempt(f"not begun: the job ended at {log.named[-1]}, before this date")
