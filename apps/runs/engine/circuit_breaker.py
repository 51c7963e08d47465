"""The circuit breaker: pauses a run after failures that repeat, before it makes one of them hundreds of times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from apps.pipeline import definition
from apps.runs.failures import signatures
from apps.runs.models import Attempt, Run, Step
from apps.runs.plans import batching

Status = Step.Status
Decided = tuple[str, str]  # status and signature of a step

# So many times the limit of failures that say the same are too many of any kind in a row.
ANY_FAILURE_FACTOR = 3
SHARE_OF = 20  # steps decided last, of which the share of failures is asked; fewer mean nothing


def reason_to_open(run: Run, *, just_decided: int = 1) -> str:
    """Why the run should pause, as a sentence; empty if it should not. What was before a resume does not count.

    `just_decided` is the number of steps since the last call of this: a streak may end in the middle of a call.
    """
    steps = run.steps.filter(status__in=(Status.FAILED, Status.SUCCEEDED)).exclude(finished_at=None)
    if run.resumed_at:
        steps = steps.filter(finished_at__gt=run.resumed_at)
    alike, any_kind = run.stop_after_failures, ANY_FAILURE_FACTOR * run.stop_after_failures
    newest = steps.order_by("-finished_at", "-position").values_list("status", "signature")
    decided = list(newest[: max(any_kind + just_decided - 1, SHARE_OF)])
    return (
        reason_same_failure(decided[: alike + just_decided - 1], alike)
        or reason_any_failure(decided[: any_kind + just_decided - 1], any_kind)
        or reason_failed_share(decided[: max(SHARE_OF, just_decided)], run.stop_at_percent)
        or reason_hanging(run)
    )


def reason_same_failure(decided: Sequence[Decided], most: int) -> str:
    if not (said := streak(decided, most, by=signatures.kind)):
        return ""
    how = "say the same" if len(set(said)) == 1 else "say the same but for a name"
    return f"{most} failures in a row {how}: {said[0]}"


def reason_any_failure(decided: Sequence[Decided], most: int) -> str:
    said = streak(decided, most, by=lambda signature: "")
    return f"{most} failures in a row: they differ in what they say; the last is “{said[0]}”" if said else ""


def streak(decided: Sequence[Decided], most: int, *, by: Callable[[str], str]) -> list[str]:
    """The signatures, newest first, of so many failures in a row that are one kind; none if there were not."""
    for (status, _), some in groupby(decided, key=lambda each: (each[0], by(each[1]))):
        said = [signature for _, signature in some]
        if status == Status.FAILED and len(said) >= most:
            return said
    return []


def reason_failed_share(decided: Sequence[Decided], percent: int) -> str:
    """Only the last steps count: after 600 good ones, half of all would be 600 more that fail."""
    failed = sum(status == Status.FAILED for status, _ in decided)
    if not percent or len(decided) < SHARE_OF or 100 * failed < percent * len(decided):
        return ""
    return f"{failed} of the last {len(decided)} steps failed"


def reason_hanging(run: Run) -> str:
    """Two calls in a row got no date done in their time, and neither did the single date that was tried then."""
    last = run.attempts.filter(status__in=batching.CAME_TO_AN_END).order_by("-number").first()
    if last is None or last.status != Attempt.Status.TIMED_OUT or len(last.dates) > 1:
        return ""
    if run.resumed_at and last.started_at < run.resumed_at:
        return ""
    calls = batching.last_calls(run, last.table)[:3]
    if len(calls) < 3 or not all(call.hung for call in calls) or all(call.dates == 1 for call in calls):
        return ""
    what = f"{definition.short_name(last.table)} hangs"
    return f"{what}: three calls in a row ran out of time without a date done, the last for {last.dates[0]} alone"
