"""Stops a run that only collects failures, before it repeats one of them hundreds of times."""

from __future__ import annotations

from apps.runs.models import Run, Step

Status = Step.Status
LEAST_DECIDED = 20  # steps before a share of failures means something


def why_stop(run: Run) -> str:
    """Why the run should rest, as a sentence; empty where it may go on. What was before a resume is forgiven."""
    steps = run.steps.filter(status__in=(Status.FAILED, Status.SUCCEEDED)).exclude(finished_at=None)
    if run.resumed_at:
        steps = steps.filter(finished_at__gt=run.resumed_at)
    most = run.stop_after_failures
    last = list(steps.order_by("-finished_at", "-position").values_list("status", "signature")[:most])
    if not last or last[0][0] != Status.FAILED:
        return ""
    if len(last) == most and len(set(last)) == 1:
        return f"{most} failures in a row say the same: {last[0][1]}"
    decided, failed = steps.count(), steps.filter(status=Status.FAILED).count()
    if run.stop_at_percent and decided >= LEAST_DECIDED and 100 * failed >= run.stop_at_percent * decided:
        return f"{failed} of {decided} steps failed"
    return ""
