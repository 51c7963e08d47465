"""Runs, their lanes, steps, attempts and timeline: the state that everything else reads."""

from apps.runs.models.attempt import Attempt
from apps.runs.models.event import Event, EventQuerySet
from apps.runs.models.lane import Lane
from apps.runs.models.preflight import Preflight
from apps.runs.models.run import Run
from apps.runs.models.step import Step
from apps.runs.models.transitions import IllegalMove, ReasonRequired

__all__ = [
    "Attempt",
    "Event",
    "EventQuerySet",
    "IllegalMove",
    "Lane",
    "Preflight",
    "ReasonRequired",
    "Run",
    "Step",
]
