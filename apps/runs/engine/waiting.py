"""Resumes runs that waited for what another run had to write."""

from __future__ import annotations

from apps.pipeline import definition
from apps.runs import queue
from apps.runs.engine import picking
from apps.runs.models import Run


def resume_waiting_runs() -> None:
    """Resumes runs that waited for another run and need not any more; the others say what they wait for now.

    To be called when a run has ended or paused, so that none waits longer than it has to.
    """
    paused = list(Run.objects.filter(status=Run.Status.PAUSED, pause_reason=Run.PauseReason.RUN))
    for run in paused:
        found = picking.pick(definition.current(), run)
        if not isinstance(found, picking.WaitForRun):
            queue.requeue(run, says="Resumed: what it reads is written")
        elif run.message != (says := found.in_words()):
            run.wait_for(says)
