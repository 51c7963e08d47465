"""Resumes runs that waited for what another run had to write."""

from __future__ import annotations

from apps.pipeline import definition
from apps.runs import queue
from apps.runs.engine import picking
from apps.runs.models import Run


def resume_waiting_runs() -> None:
    """Has runs go on that waited for another one and need not any more; those that wait on say for what now.

    Whoever ends or pauses a run calls it, so that none waits for a look at the clock.
    """
    paused = list(Run.objects.filter(status=Run.Status.PAUSED, pause_reason=Run.PauseReason.RUN))
    for run in paused:
        found = picking.pick(definition.current(), run)
        if not isinstance(found, picking.WaitForRun):
            queue.requeue(run, says="Resumed: what it reads is written")
        elif run.message != (says := found.in_words()):
            run.wait_for(says)
