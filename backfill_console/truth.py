"""The one sentence that the overview begins with: what is going on, or why nothing is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from apps.coverage.models import Partition
from apps.coverage.rollup import Coverage, PhaseCoverage
from apps.pipeline.definition import Phase
from apps.runs.models import Run
from apps.runs.progress import Progress
from apps.runs.words import count

SERVE = ".venv/bin/python manage.py serve"


@dataclass(frozen=True)
class Truth:
    """`state` picks glyph and colour. The sentence begins with a link to `run`, where it is about one.

    `done` are the moments between which it likely ends (one where both are of the same minute), said between
    `text` and `tail`. `plan` is the phase whose gaps come next.
    """

    state: str
    text: str
    tail: str = ""
    run: Run | None = None
    done: tuple[dt.datetime, ...] = ()
    plan: Phase | None = None
    gaps: int = 0
    command: str = ""


@dataclass(frozen=True)
class Work:
    """What runs do: the unfinished ones, the progress of the first of them, and how many kinds of failures it has."""

    unfinished: Sequence[Run] = ()
    progress: Progress | None = None
    kinds: int = 0

    @property
    def active(self) -> list[Run]:
        return [run for run in self.unfinished if run.is_active]

    @property
    def paused(self) -> list[Run]:
        return [run for run in self.unfinished if run.is_paused]


def truth(
    coverage: Coverage,
    work: Work,
    *,
    workers_alive: int,
    silent_for: str,
    now: dt.datetime,
) -> Truth:
    """The first of these that holds: nobody works, a run is active, one waits, nothing is known, nothing runs."""
    if not workers_alive:
        return nobody_works(work, silent_for)
    if work.active and work.progress:
        return running(work.active[0], work, work.progress, workers_alive, now)
    if work.paused:
        return waiting(work.paused)
    if unknown := why_unknown(coverage):
        return Truth("unknown", f"Coverage is unknown: {unknown}.", tail="Nothing is running.")
    return nothing_runs(coverage)


def nobody_works(work: Work, silent_for: str) -> Truth:
    since = f"for {silent_for}" if silent_for else "yet"
    waiting = f"{count(len(work.active), 'run')} would go on." if work.active else ""
    return Truth(
        "failed",
        f"No worker has reported {since}: nothing will start.",
        tail=waiting,
        command=SERVE,
    )


def running(run: Run, work: Work, progress: Progress, workers_alive: int, now: dt.datetime) -> Truth:
    steps = f"{progress.verified:,} of {count(progress.total, 'step')} verified"
    if run.status == Run.Status.RUNNING and (run.lease_until is None or run.lease_until < now):
        text = f"({run.title}) gives no sign of life: {steps}. Another worker takes it over by itself"
        return Truth("unknown", text, run=run, tail=beside(run, work, progress, workers_alive))
    return Truth(
        run.status,
        f"({run.title}) is {run.status}: {steps}",
        run=run,
        done=moments(progress.finish_range(now=now)),
        tail=beside(run, work, progress, workers_alive),
    )


def moments(between: tuple[dt.datetime, dt.datetime] | None) -> tuple[dt.datetime, ...]:
    return tuple({f"{at:%F %R}": at for at in between or ()}.values())


def beside(run: Run, work: Work, progress: Progress, workers_alive: int) -> str:
    """What else matters while a run is active."""
    said = []
    if progress.failed:
        kinds = "one kind" if work.kinds == 1 else f"{work.kinds} kinds"
        said.append(f"{count(progress.failed, 'failure')} of {kinds}")
    if others := len(work.active) - 1:
        said.append(f"{count(others, 'more run')} in the queue")
    if work.paused:
        said.append(f"run {work.paused[0].pk} waits for a person")
    said.append(f"{count(workers_alive, 'worker')} alive")
    return f"{'; '.join(said)}.".capitalize()


def waiting(paused: Sequence[Run]) -> Truth:
    run = paused[0]
    why = f": {run.message.rstrip('.')}" if run.message else ""
    tail = f"{count(len(paused) - 1, 'more run')} paused." if len(paused) > 1 else ""
    return Truth("paused", f"({run.title}) waits for a person{why}", run=run, tail=tail)


def why_unknown(coverage: Coverage) -> str:
    """Why nothing is known at all; empty where something is."""
    tally = coverage.tally
    return coverage.problem.rstrip(".") if tally.unknown == tally.expected and not tally.complete else ""


def nothing_runs(coverage: Coverage) -> Truth:
    phase = next((phase for phase in filled(coverage) if not phase.is_complete), None)
    if phase is None:
        return Truth(
            Partition.State.COMPLETE, "Nothing is running, and every phase is complete on all of its dates."
        )
    text = (
        f"Nothing is running. {phase.phase.label} is complete on "
        f"{phase.dates_complete:,} of {count(phase.dates_expected, 'date')}"
    )
    if phase.gaps:
        return Truth(Partition.State.MISSING, f"{text}; next:", plan=phase.phase, gaps=phase.gaps)
    return Truth(Partition.State.UNKNOWN, f"{text}; {count(phase.dates_unknown, 'date')} could not be read.")


def filled(coverage: Coverage) -> list[PhaseCoverage]:
    """The phases that runs fill."""
    return [phase for phase in coverage.phases if not all(each.table.is_source for each in phase.tables)]
