"""A call that found the warehouse file held by the console itself: not a failure of the job."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Sequence

from django.conf import settings
from django.utils import timezone

from apps import timing
from apps.runs.calls import processes
from apps.runs.models import Step
from apps.workers.models import Worker

# What DuckDB says: 'Could not set lock on file "...": Conflicting lock is held in /usr/bin/python3 (PID 42) by ...'.
LOCKED = re.compile(r"Could not set lock on file.*?\(PID (\d+)\)")
SAYS = "The console itself had the warehouse file open when a job wanted it; its dates are pending again"
HELD = "the console itself had the warehouse file open when the job wanted it; tried again, and no attempt counts"


def reset_steps(steps: Sequence[Step]) -> None:
    """Makes steps pending as they were before the call whose job met a lock of the console's, without saving them."""
    for step in steps:
        if step.status != Step.Status.SUCCEEDED and is_ours(step.message):
            step.undo_attempt(HELD)


def was_met(steps: Sequence[Step]) -> bool:
    """Whether a call met such a lock, so that the run waits before it makes another."""
    return any(step.message == HELD for step in steps)


def is_ours(message: str) -> bool:
    """Whether the message tells of a lock on the warehouse file that a process of this console held."""
    found = LOCKED.search(message)
    return found is not None and is_console(int(found[1]))


def is_console(pid: int) -> bool:
    """Whether this machine's process of that number is the console's: this one, a worker, a command at work."""
    lately = Worker.objects.filter(
        pid=pid, host=socket.gethostname(), heartbeat_at__gt=timezone.now() - timing.RECENT_READERS
    )
    is_command = processes.is_at_work_in(settings.BASE_DIR, pid, program="manage.py")
    return pid == os.getpid() or lately.exists() or is_command
