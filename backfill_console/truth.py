"""The first sentence of the overview: what is running, or why nothing is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from apps.coverage.counts.rollup import Coverage, PhaseCoverage
from apps.coverage.models import Partition
from apps.pipeline.sections import Phase
from apps.runs.estimates.progress import Progress, to_the_minute
from apps.runs.models import Run
from apps.text import count
from apps.workers.worker_list import SERVE


@dataclass(frozen=True)
class Truth:
    """`state` selects glyph and colour. The sentence begins with a link to `run`, if there is one.

    `done` is the range of its likely end (one time if both are of the same minute), shown between
    `text` and `tail`. If it waits for a person at `stop` before that, `stops` is the range of that time.
    `plan` is the phase whose gaps come next.
    """

    state: str
    text: str
    tail: str = ""
    run: Run | None = None
    done: tuple[dt.datetime, ...] = ()
    stop: str = ""
    stops: tuple[dt.datetime, ...] = ()
    plan: Phase | None = None
    gaps: int = 0
    command: str = ""


@dataclass(frozen=True)
class Work:
    """The unfinished runs; and of the first of them the progress, the number of failure kinds, and whether a worker
    holds it.

    `gates` maps the id of a waiting run to its next phase. `open_failures` counts dates and kinds of all runs.
    """

    unfinished: Sequence[Run] = ()
    progress: Progress | None = None
    kinds: int = 0
    is_held: bool = True
    gates: Mapping[int, str] = field(default_factory=dict)
    open_failures: tuple[int, int] = (0, 0)

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
    """The first case that applies: no worker, a run is active, one waits, coverage is unknown, nothing runs."""
    if not workers_alive:
        return no_worker(work, silent_for)
    if work.active and work.progress:
        return running(work.active[0], work, work.progress, workers_alive, now)
    if work.paused:
        return waiting(work.paused[0], work)
    if is_unknown(coverage):
        return Truth(
            "unknown", f"Coverage is unknown: {coverage.freshness.problem}.", tail="Nothing is running."
        )
    return last_known(coverage) if coverage.freshness.failing_since else nothing_runs(coverage, work)


def no_worker(work: Work, silent_for: str) -> Truth:
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
    if run.status == Run.Status.RUNNING and not work.is_held:
        text = f"({run.title}) gives no sign of life: {steps}. Another worker takes it over by itself"
        return Truth("unknown", text, run=run, tail=beside(run, work, progress, workers_alive))
    return Truth(
        run.status,
        f"({run.title}) is {run.status}: {steps}",
        run=run,
        done=to_the_minute(progress.finish_range(now=now)),
        stop=progress.stop.name if progress.stop else "",
        stops=to_the_minute(progress.stop_range(now=now)),
        tail=beside(run, work, progress, workers_alive),
    )


def beside(run: Run, work: Work, progress: Progress, workers_alive: int) -> str:
    """Further facts beside an active run."""
    said = []
    if progress.failed:
        said.append(failures_in_words(progress.failed, work.kinds))
    if others := len(work.active) - 1:
        said.append(f"{count(others, 'more run')} in the queue")
    if work.paused:
        said.append(f"run {work.paused[0].pk} {what_it_waits_for(work.paused[0], work)}")
    said.append(f"{count(workers_alive, 'worker')} alive")
    return sentence("; ".join(said))


def sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def failures_in_words(failed: int, kinds: int) -> str:
    return f"{count(failed, 'failure')} of {'one kind' if kinds == 1 else f'{kinds} kinds'}"


def waiting(run: Run, work: Work) -> Truth:
    why = reason(run)
    said = [
        NEXT.get(run.pause_reason, "Next: an operator resumes or cancels it.").format(
            gate=work.gates.get(run.pk, "")
        )
    ]
    if work.open_failures[0]:
        said.append(f"{failures_in_words(*work.open_failures)} {be(work.open_failures[0])} open.")
    if others := len(work.paused) - 1:
        said.append(f"{count(others, 'more run')} {be(others)} waiting.")
    text = f"({run.title}) {what_it_waits_for(run, work)}{f': {why}' if why else ''}"
    return Truth("paused", text, run=run, tail=" ".join(said))


def what_it_waits_for(run: Run, work: Work) -> str:
    if gate := work.gates.get(run.pk):
        return f"is {at_gate(gate)}"
    return (
        "waits for the warehouse" if run.pause_reason == Run.PauseReason.WAREHOUSE else "waits for a person"
    )


def at_gate(phase: str) -> str:
    """The same words everywhere on the page."""
    return f"waiting at the gate before {phase}"


def reason(run: Run) -> str:
    """The part of its message that is not in the words for what it waits for."""
    said = run.message.rstrip(".")
    return said.partition("; ")[2] if run.waits_at_gate else said


# What must happen before a paused run continues.
NEXT: dict[str, str] = {
    Run.PauseReason.GATE: "Next: an operator looks at what {gate} needs, and starts it or cancels the run.",
    Run.PauseReason.FAILURES: "Next: an operator looks at its failures, and resumes or cancels it.",
    Run.PauseReason.PIPELINE: "Next: an operator mends the pipeline file and resumes it, or cancels it.",
    Run.PauseReason.WAREHOUSE: "Next: it goes on by itself once the warehouse answers.",
}


def be(number: int) -> str:
    return "is" if number == 1 else "are"


def is_unknown(coverage: Coverage) -> bool:
    """Whether nothing is known at all: never scanned, or no answer."""
    return not coverage.dates_expected or coverage.tally.is_unknown


def last_known(coverage: Coverage) -> Truth:
    """The last known state, and why there is no newer one."""
    phase = next((phase for phase in filled(coverage) if not phase.tally.is_complete), None)
    known = standing(phase) if phase else "every phase is complete on all of its dates"
    text = f"Nothing is running. As last known, {known}"
    why = coverage.freshness.failure if coverage.freshness.answers_again else coverage.freshness.problem
    return Truth(Partition.State.UNKNOWN, f"{text}.", tail=f"What it holds now is unknown: {why}.")


def nothing_runs(coverage: Coverage, work: Work) -> Truth:
    phase = next((phase for phase in filled(coverage) if not phase.tally.is_complete), None)
    failures = ""
    if number := work.open_failures[0]:
        failures = f"{failures_in_words(*work.open_failures)} {be(number)} open."
    if phase is None:
        state = Partition.Activity.FAILED if failures else Partition.State.COMPLETE
        text = "Nothing is running, and every phase is complete on all of its dates."
        return Truth(state, text, tail=failures)
    text = f"Nothing is running. {standing(phase)}"
    if not phase.gaps:
        tail = " ".join(filter(None, (sentence(coverage.freshness.problem), failures)))
        return Truth(Partition.State.UNKNOWN, f"{text}.", tail=tail)
    unknown = f"{count(phase.unknown, 'partition')} {be(phase.unknown)} unknown." if phase.unknown else ""
    return Truth(
        Partition.State.MISSING,
        f"{text}; next:",
        tail=" ".join(filter(None, (unknown, failures))),
        plan=phase.phase,
        gaps=phase.gaps,
    )


def standing(phase: PhaseCoverage) -> str:
    tally, dates = phase.tally, count(phase.tally.expected, "date")
    if tally.is_unknown:
        return f"{phase.phase.label} is unknown on all of its {dates}"
    unknown = f", unknown on {tally.unknown:,}" if tally.unknown else ""
    return f"{phase.phase.label} is complete on {tally.complete:,} of {dates}{unknown}"


def filled(coverage: Coverage) -> list[PhaseCoverage]:
    """The phases that runs fill."""
    return [phase for phase in coverage.phases if not all(each.table.is_source for each in phase.tables)]
