"""What a run is doing right now, in words, and what a person can do about it. Honest about what lies in between."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from apps.coverage.dates import in_words
from apps.pipeline.definition import Pipeline
from apps.runs.models import Attempt, Run
from apps.runs.progress import Progress
from apps.runs.words import duration

PAUSE, STOP, RESUME, START_PHASE, CANCEL = "pause", "stop", "resume", "start_phase", "cancel"
NOBODY = "No worker is alive: nothing happens until one starts."

LABELS = {
    Run.Request.PAUSE: "Pausing",
    Run.Request.STOP: "Stopping",
    Run.Request.CANCEL: "Cancelling",
}
ENDING = {
    Run.Request.STOP: "The call under way is being ended; its dates will be pending again.",
    Run.Request.CANCEL: "The call under way is being ended; what is left will be cancelled.",
}
VERBS = {
    Run.Request.NONE: (PAUSE, STOP, CANCEL),
    Run.Request.PAUSE: (STOP, CANCEL),
    Run.Request.STOP: (CANCEL,),
    Run.Request.CANCEL: (),
}


@dataclass(frozen=True)
class Situation:
    """`state` names the colour; `says` is a sentence; `verbs` are what fits; `moves` is whether work goes on."""

    label: str
    state: str
    says: str
    verbs: tuple[str, ...] = ()
    moves: bool = False


@dataclass(frozen=True)
class Surroundings:
    """What around a run decides whether it moves: whether a worker holds it; `ahead` is a run performed now."""

    workers_alive: int
    ahead: Run | None = None
    is_held: bool = False


def of(
    run: Run, progress: Progress, attempt: Attempt | None, around: Surroundings, *, now: dt.datetime
) -> Situation:
    """The situation of a run; `attempt` is the call under way, if there is one."""
    match run.status:
        case Run.Status.QUEUED:
            return Situation("Queued", "queued", why_queued(around), (PAUSE, CANCEL))
        case Run.Status.RUNNING:
            return running(run, progress, attempt, around, now=now)
        case Run.Status.PAUSED:
            return paused(run)
    return Situation(run.get_status_display().capitalize(), run.status, f"{run.message}.")


def paused(run: Run) -> Situation:
    if run.waits_at_gate:
        return Situation("Waiting", run.status, f"{run.message.partition(';')[0]}.", (START_PHASE, CANCEL))
    says = (
        "By hand. It goes on when somebody resumes it."
        if run.pause == Run.Pause.OPERATOR
        else f"{run.message}."
    )
    return Situation("Paused", run.status, says, (RESUME, CANCEL))


def why_queued(around: Surroundings) -> str:
    if not around.workers_alive:
        return NOBODY
    if around.ahead:
        return f"Waits for run {around.ahead.pk}, which is performed now."
    return "A worker will take it in a moment."


def running(
    run: Run, progress: Progress, attempt: Attempt | None, around: Surroundings, *, now: dt.datetime
) -> Situation:
    request = Run.Request(run.request)
    label = LABELS.get(request, "Running")
    verbs = VERBS[request]
    if not around.is_held:
        return Situation("Standing still", "unknown", stranded(around), verbs)
    if request == Run.Request.PAUSE:
        return Situation(label, "paused", when_it_pauses(progress, attempt, now=now), verbs)
    if request:
        return Situation(label, "paused", ENDING[request], verbs)
    return Situation(label, "running", call_in_words(attempt), verbs, moves=True)


def stranded(around: Surroundings) -> str:
    if not around.workers_alive:
        return NOBODY
    return "Its worker gives no sign of life. Another one takes over within a minute."


def when_it_pauses(progress: Progress, attempt: Attempt | None, *, now: dt.datetime) -> str:
    left = seconds_of_call(progress, attempt, now=now)
    about = f", in about {duration(left)}" if left else ""
    return f"Will rest after the current call{about}."


def seconds_of_call(progress: Progress, attempt: Attempt | None, *, now: dt.datetime) -> float | None:
    """How long the call under way likely goes on; None where nothing is known or it is overdue."""
    if attempt is None or not progress.seconds_a_step:
        return None
    left = progress.seconds_a_step * len(attempt.dates) - (now - attempt.started_at).total_seconds()
    return left if left > 0 else None


def call_in_words(attempt: Attempt | None) -> str:
    if attempt is None:
        return "Between two calls."
    return f"{attempt.table.rpartition('.')[2]}, {in_words(attempt.date_list, most=2)}"


def phase_label(pipeline: Pipeline, name: str | None) -> str:
    """ "Phase 4"; the bare name where the pipeline file does not have it any more."""
    known = {phase.name: phase.label for phase in pipeline.phases}
    return known.get(name or "", f"Phase {name}")
