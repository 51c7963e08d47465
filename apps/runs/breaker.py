"""Stops a run that only collects failures, before it repeats one of them hundreds of times."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from apps.runs.models import Run, Step

Status = Step.Status
LEAST_DECIDED = 20  # steps before a share of failures means something


def why_stop(run: Run, *, just_decided: int = 1) -> str:
    """Why the run should rest, as a sentence; empty where it may go on. What was before a resume is forgiven.

    `just_decided` are the steps since it was asked last: a streak may end in the middle of a call.
    """
    steps = run.steps.filter(status__in=(Status.FAILED, Status.SUCCEEDED)).exclude(finished_at=None)
    if run.resumed_at:
        steps = steps.filter(finished_at__gt=run.resumed_at)
    most = run.stop_after_failures
    newest = steps.order_by("-finished_at", "-position").values_list("status", "signature")
    if said := streak(list(newest[: most + just_decided - 1]), most):
        return f"{most} failures in a row say the same: {said}"
    decided, failed = steps.count(), steps.filter(status=Status.FAILED).count()
    if run.stop_at_percent and decided >= LEAST_DECIDED and 100 * failed >= run.stop_at_percent * decided:
        return f"{failed} of {decided} steps failed"
    return ""


def streak(decided: Sequence[tuple[str, str]], most: int) -> str:
    """What so many failures in a row say alike; empty where there were not so many."""
    for (status, signature), alike in groupby(decided):
        if status == Status.FAILED and len(list(alike)) >= most:
            return signature
    return ""
