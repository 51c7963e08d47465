"""The status of a run in words: what it is doing now, and which verbs an operator has."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from apps.pipeline import definition
from apps.pipeline.definition import Pipeline
from apps.runs.estimates.progress import Progress
from apps.runs.estimates.stalls import Stall
from apps.runs.models import Attempt, Run
from apps.text import count, date_ranges, duration
from apps.workers.models import Worker

PAUSE, STOP, RESUME, START_PHASE, CANCEL = "pause", "stop", "resume", "start_phase", "cancel"
RESUME_WITH_REASON, RESUME_NOW, RELEASE = "resume_with_reason", "resume_now", "release"
NO_WORKER_ALIVE = "No worker is alive: nothing happens until one starts."
CALLS_NAMED = 3

TRIES_AGAIN = (
    Run.PauseReason.WAREHOUSE,
    Run.PauseReason.DISK,
    Run.PauseReason.QUOTA,
    Run.PauseReason.RUN,
)
LABELS = {
    Run.Request.PAUSE: "Pausing",
    Run.Request.STOP: "Stopping",
    Run.Request.CANCEL: "Cancelling",
}
VERBS = {
    Run.Request.NONE: (PAUSE, STOP, CANCEL),
    Run.Request.PAUSE: (STOP, CANCEL),
    Run.Request.STOP: (CANCEL,),
    Run.Request.CANCEL: (),
}


@dataclass(frozen=True)
class RunStatus:
    """`state` names the colour; `says` is a sentence; `verbs` are what fits; `moves` is whether work goes on;
    `again_at` is when it tries again by itself, to be said after the sentence."""

    label: str
    state: str
    says: str
    verbs: tuple[str, ...] = ()
    moves: bool = False
    again_at: dt.datetime | None = None


@dataclass(frozen=True)
class RunContext:
    """What around a run decides whether it moves: whether a worker holds it; `ahead` is a run performed now;
    `stalls` are those of its calls that went quiet."""

    workers_alive: int
    ahead: Run | None = None
    is_held: bool = False
    stalls: Sequence[Stall] = ()


def status_of(
    run: Run, progress: Progress, calls: Sequence[Attempt], around: RunContext, *, now: dt.datetime
) -> RunStatus:
    """The situation of a run; `calls` are those under way."""
    match run.status:
        case Run.Status.QUEUED:
            return RunStatus("Queued", "queued", why_queued(around), (PAUSE, CANCEL))
        case Run.Status.RUNNING:
            return running(run, progress, calls, around, now=now)
        case Run.Status.PAUSED:
            return paused(run, around)
    return RunStatus(run.get_status_display().capitalize(), run.status, f"{run.message}.")


def paused(run: Run, around: RunContext) -> RunStatus:
    says = f"{run.message}."
    match run.pause_reason:
        case Run.PauseReason.GATE:
            return RunStatus("Waiting", run.status, first_part(run.message), (START_PHASE, CANCEL))
        case Run.PauseReason.CANARY:
            return RunStatus("Waiting", run.status, first_part(run.message), (RELEASE, CANCEL))
        case Run.PauseReason.FAILURES:
            return RunStatus("Paused", run.status, says, (RESUME_WITH_REASON, CANCEL))
        case reason if reason in TRIES_AGAIN and run.again_at:
            if not around.workers_alive:
                return RunStatus("Waiting", run.status, f"{says} {NO_WORKER_ALIVE}", (RESUME_NOW, CANCEL))
            return RunStatus("Waiting", run.status, says, (RESUME_NOW, CANCEL), again_at=run.again_at)
        case Run.PauseReason.OPERATOR:
            says = "By hand. It goes on when it is resumed."
    return RunStatus("Paused", run.status, says, (RESUME, CANCEL))


def first_part(message: str) -> str:
    """The message without what it says of the next step: a button says that."""
    return f"{message.partition(';')[0]}."


def why_queued(around: RunContext) -> str:
    if not around.workers_alive:
        return NO_WORKER_ALIVE
    if around.ahead:
        return f"Waits for run {around.ahead.pk}, which is performed now."
    return "A worker will take it in a moment."


def running(
    run: Run, progress: Progress, calls: Sequence[Attempt], around: RunContext, *, now: dt.datetime
) -> RunStatus:
    request = Run.Request(run.request)
    label = LABELS.get(request, "Running")
    verbs = VERBS[request]
    if not around.is_held:
        return RunStatus("Standing still", "unknown", no_worker_message(around), verbs)
    if request in (Run.Request.STOP, Run.Request.CANCEL):
        return RunStatus(label, "paused", how_it_ends(request, calls), verbs)
    if request == Run.Request.PAUSE:
        return RunStatus(
            label, "paused", why_and_when_it_pauses(run, progress, calls, around, now=now), verbs
        )
    if around.stalls:
        moves = len(around.stalls) < len(calls)
        return RunStatus("Stalled", "warning", stalls_in_words(around.stalls), verbs, moves=moves)
    return RunStatus(label, "running", calls_in_words(calls), verbs, moves=True)


def no_worker_message(around: RunContext) -> str:
    if not around.workers_alive:
        return NO_WORKER_ALIVE
    return "Its worker gives no sign of life. Another one takes over within a minute."


def how_it_ends(request: Run.Request, calls: Sequence[Attempt]) -> str:
    what = "calls under way are" if len(calls) > 1 else "call under way is"
    whose = "their" if len(calls) > 1 else "its"
    if request == Run.Request.CANCEL:
        return f"The {what} being ended; what is left will be cancelled."
    return f"The {what} being ended; {whose} dates will be pending again."


def why_and_when_it_pauses(
    run: Run, progress: Progress, calls: Sequence[Attempt], around: RunContext, *, now: dt.datetime
) -> str:
    """Why, where the run itself has to pause; when, as far as it is known."""
    why = f"{run.message}. " if run.pause_reason and run.message else ""
    if around.stalls:
        return f"{why}Will pause after the call under way. {stalls_in_words(around.stalls)}"
    return f"{why}{when_it_pauses(progress, calls, now=now)}"


def when_it_pauses(progress: Progress, calls: Sequence[Attempt], *, now: dt.datetime) -> str:
    left = [seconds_of_call(progress, call, now=now) for call in calls]
    known = [seconds for seconds in left if seconds]
    about = f", in about {duration(max(known))}" if known and len(known) == len(calls) else ""
    what = f"{len(calls)} calls under way" if len(calls) > 1 else "current call"
    return f"Will pause after the {what}{about}."


def seconds_of_call(progress: Progress, call: Attempt, *, now: dt.datetime) -> float | None:
    """How long a call under way likely goes on; None if nothing is known or it is overdue."""
    if not progress.seconds_a_step:
        return None
    left = progress.seconds_a_step * len(call.dates) - (now - call.started_at).total_seconds()
    return left if left > 0 else None


def stalls_in_words(stalls: Sequence[Stall]) -> str:
    first = stalls[0]
    more = f" {count(len(stalls) - 1, 'other call')} went quiet too." if len(stalls) > 1 else ""
    return f"{first.says}.{more} Stopping ends the call; its dates are pending again."


def calls_in_words(calls: Sequence[Attempt]) -> str:
    """What is being called: "sales, 2024-01-01 to 2024-01-07", "2 calls under way: sales, ...; visits, ..."."""
    if not calls:
        return "Between two calls."
    named = "; ".join(call_in_words(call) for call in calls[:CALLS_NAMED])
    if len(calls) == 1:
        return named
    more = f"; and {len(calls) - CALLS_NAMED} more" if len(calls) > CALLS_NAMED else ""
    return f"{len(calls)} calls under way: {named}{more}"


def call_in_words(call: Attempt) -> str:
    return f"{definition.short_name(call.table)}, {date_ranges(call.date_list, most=2)}"


def phase_label(pipeline: Pipeline, name: str | None) -> str:
    """ "Phase 4"; the bare name where the pipeline file does not have it any more."""
    known = {phase.name: phase.label for phase in pipeline.phases}
    return known.get(name or "", f"Phase {name}")


def workers_alive(now: dt.datetime) -> int:
    """How many workers could perform a run."""
    return Worker.objects.alive(now).filter(cluster="runs").count()
