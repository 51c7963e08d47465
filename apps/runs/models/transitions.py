"""The statuses of a run, which may follow which, and the messages if one may not."""

from __future__ import annotations

from django.db import models


class IllegalMove(Exception):
    """The run is not in a state from which this is possible; the text says what it is in."""


class ReasonRequired(IllegalMove):
    """It is possible for an operator who gives a reason."""


class Status(models.TextChoices):
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


UNFINISHED = (Status.QUEUED, Status.RUNNING, Status.PAUSED)

# From a status to those that may follow it.
TRANSITIONS = {
    Status.QUEUED: {
        Status.RUNNING,  # a worker took it
        Status.PAUSED,  # a person paused it before a worker came
        Status.CANCELLED,  # a person cancelled it before a worker came
    },
    Status.RUNNING: {
        Status.PAUSED,  # by a person, at a manual gate, after the canary, after too many failures, to wait
        Status.SUCCEEDED,  # every step is verified
        Status.FAILED,  # every step is decided, and some are not verified
        Status.CANCELLED,  # by a person
    },
    Status.PAUSED: {
        Status.QUEUED,  # resumed
        Status.CANCELLED,  # given up
    },
    Status.SUCCEEDED: set(),
    Status.FAILED: set(),
    Status.CANCELLED: set(),
}


def sources(to: Status) -> list[Status]:
    """The statuses that this one may follow."""
    return [status for status, targets in TRANSITIONS.items() if to in targets]


class Request(models.TextChoices):
    """What was requested of a run while workers hold its lanes; they apply it at their next look."""

    NONE = "", "none"
    PAUSE = "pause"
    STOP = "stop"
    CANCEL = "cancel"

    def exceeds(self, other: Request) -> bool:
        """Whether this asks for more. A request may grow, not shrink."""
        return GROWING.index(self) > GROWING.index(other)


GROWING = (Request.NONE, Request.PAUSE, Request.STOP, Request.CANCEL)

# What the timeline says of a request, and what the next person who asks for no more is told.
REQUESTED = {
    Request.PAUSE: "Pause requested: the run pauses after the call under way",
    Request.STOP: "Stop requested: the call under way is ended",
    Request.CANCEL: "Cancel requested: the call under way is ended",
}
UNDER_WAY = {
    Request.PAUSE: "is about to pause already",
    Request.STOP: "is being stopped already",
    Request.CANCEL: "is being cancelled already",
}
