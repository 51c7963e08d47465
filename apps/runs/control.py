"""An operator's verbs: launch, pause, stop, resume, cancel, retry, open a gate. Each is one transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.coverage.counts import rollup
from apps.coverage.models import Partition, set_activity
from apps.grouping import by_key
from apps.pipeline.definition import Pipeline
from apps.runs import queue, rows
from apps.runs.calls import jobs
from apps.runs.dependencies import gates
from apps.runs.engine import waiting
from apps.runs.failures import failure_groups
from apps.runs.models import IllegalMove, Preflight, Run, Step
from apps.runs.plans import forecasts, planning
from apps.runs.plans.options import Options, check, in_order
from apps.runs.plans.plan import Plan
from apps.runs.preflight import reports
from apps.runs.results import outcomes
from apps.text import count


class LaunchRefused(Exception):
    """The plan cannot be launched; the text says why and what to do, `left_out` how many for which reason."""

    def __init__(self, sentence: str, *, left_out: Mapping[str, int] | None = None):
        super().__init__(sentence)
        self.left_out = dict(left_out or {})


# Launch -------------------------------------------------------------------------------------------


def launch(
    plan: Plan,
    pipeline: Pipeline,
    *,
    by: Any,
    note: str = "",
    retry_of: Run | None = None,
    options: Options | None = None,
    unready: str = "",
    queued: bool = True,
) -> Run:
    """Makes a run of a plan and, unless `queued` is False, puts it in the queue.

    LaunchRefused if there is nothing to do, another run is about to fill one of its partitions, or its pre-flight is
    not ready and `unready` does not say why to launch it all the same; PlanRefused if the options are not possible.
    """
    if not plan.steps:
        raise LaunchRefused(plan.why_nothing, left_out=plan.left_out_counts)
    report = reports.covering(plan, pipeline)
    if report and report.is_not_ready and not unready.strip():
        raise LaunchRefused(not_ready_in_words(report), left_out=plan.left_out_counts)
    chosen = check(options or Options(), pipeline)
    canary = chosen.canary_dates(plan)
    forecast = forecasts.forecast_of(plan, pipeline)
    now = timezone.now()
    try:
        with transaction.atomic():
            run = Run.objects.create(
                title=plan.title(pipeline),
                note=note,
                launched_by=str(by),
                launched_by_user=by if getattr(by, "pk", None) else None,
                launched_at=now,
                reprocess=plan.selection.reprocess,
                order=plan.selection.order,
                batch=plan.selection.batch,
                lanes=chosen.lanes,
                canary_dates=[str(date) for date in canary],
                stop_after_failures=chosen.stop_after_failures,
                stop_at_percent=chosen.stop_at_percent,
                selection=plan.selection.as_json(),
                left_out=plan.left_out_counts,
                coverage_before=rollup.snapshot(pipeline),
                retry_of=retry_of,
                **jobs.commit_of(pipeline.folder),
            )
            add_steps(run, plan, canary)
            left_out = sum(plan.left_out_counts.values())
            run.record(
                "launched",
                f"Launched: {count(len(plan.steps), 'step')}, {left_out:,} left out",
                by=str(by),
                data={
                    "forecast_seconds": planning.estimate(plan, pipeline).seconds_range,  # of work
                    "forecast_bytes": forecast.whole if forecast else None,
                },
            )
            if report:
                run.record("preflight", preflight_in_words(report, unready), by=str(by))
            if chosen.override:
                run.override_gates(by=by, reason=chosen.override)
            if queued:
                queue.perform_later(run)
    except IntegrityError:
        raise LaunchRefused(overlap_in_words(plan), left_out=plan.left_out_counts) from None
    return run


def not_ready_in_words(report: Preflight) -> str:
    why = reports.shown_report(report).why
    return (
        f"{report} is not ready: {why}. Mend it and run the pre-flight again, or say why to launch all the same. "
        "Nothing was launched."
    )


def preflight_in_words(report: Preflight, unready: str) -> str:
    """The line of the timeline about the newest pre-flight that covers the plan."""
    if report.is_not_ready:
        why = reports.shown_report(report).why
        return f"Launched although pre-flight {report.pk} is not ready ({why}): {unready.strip()}"
    return f"Pre-flight {report.pk} is {report.get_verdict_display().lower()}"


def add_steps(run: Run, plan: Plan, canary: Collection[dt.date] = ()) -> None:
    rows.insert(
        Step,
        ("position", "phase", "table", "date", "season", "units", "is_canary", "is_redo"),
        (
            (
                position,
                step.phase,
                step.table,
                step.date,
                step.season,
                step.units,
                step.date in canary,
                step.is_redo,
            )
            for position, step in enumerate(in_order(plan.steps, canary))
        ),
        run_id=run.pk,
    )
    for table, dates in by_key(plan.partitions).items():
        set_activity(table, dates, Partition.Activity.QUEUED, run_id=run.pk)


def overlap_in_words(plan: Plan) -> str:
    """Which run fills partitions of this plan already."""
    wanted = set(plan.partitions)
    taken = Step.objects.unfinished().filter(table__in=plan.by_table).select_related("run")
    for step in taken:
        if (step.table, step.date) in wanted:
            return (
                f"{outcomes.introduced(step.run, outcomes.of_run(step.run))} is about to "
                f"fill some of these partitions, {step.table} on {step.date} among them. Plan again to leave them out."
            )
    return "Some of these partitions are being filled by another run. Plan again to leave them out."


# While it runs ------------------------------------------------------------------------------------


def pause(run: Run, *, by: Any, reason: str = "") -> None:
    """Lets the call under way end, then pauses. IllegalMove if the run is not active."""
    run.pause(by=by, reason=reason)
    resume_what_waited_for(run)


def stop(run: Run, *, by: Any, reason: str = "") -> None:
    """Ends the call under way, then pauses; its steps are pending again."""
    run.stop(by=by, reason=reason)
    resume_what_waited_for(run)


def cancel(run: Run, *, by: Any, reason: str = "") -> None:
    """Ends the call under way and cancels the other steps."""
    run.cancel(by=by, reason=reason)
    resume_what_waited_for(run)


def resume_what_waited_for(run: Run) -> None:
    """Resumes other runs that waited for this one, once it is paused or finished."""
    if not run.is_active:
        waiting.resume_waiting_runs()


def resume(run: Run, *, by: Any, reason: str = "") -> None:
    """Puts a paused run back in the queue. ReasonRequired if its failures paused it and no reason is given."""
    with transaction.atomic():
        run.resume(by=by, reason=reason)
        queue.perform_later(run)


def start_phase(run: Run, phase: str, *, by: Any, reason: str = "") -> None:
    """Opens the manual gate before a phase and goes on. IllegalMove if the run does not wait at this one."""
    closed = gates.waiting_phase(run)
    if closed is not None and closed != phase:
        raise IllegalMove(f"Run {run.pk} waits before phase {closed}, not before phase {phase}.")
    with transaction.atomic():
        run.start_phase(phase, by=by, reason=reason)
        queue.perform_later(run)


def release_canary(run: Run, *, by: Any, reason: str = "") -> None:
    """Lets the dates after the canary follow. IllegalMove if the run does not wait for that."""
    with transaction.atomic():
        run.release_canary(by=by, reason=reason)
        queue.perform_later(run)


def set_concurrency(run: Run, lanes: int, *, by: Any, most: int | None = None) -> None:
    """Changes how many calls the run may make at once, from the next call on. IllegalMove if that cannot be."""
    if most == 1 and lanes != 1:
        raise IllegalMove("There is one lane here, since one process at a time may hold a DuckDB file.")
    if lanes < 1 or (most is not None and lanes > most):
        raise IllegalMove(f"{lanes} lanes are not possible here; give 1 to {most or 'more'}.")
    with transaction.atomic():
        run.set_concurrency(lanes, by=by)
        if run.is_active:
            queue.perform_later(run)


# Afterwards ---------------------------------------------------------------------------------------


def summary(steps: Iterable[Step]) -> list[dict[str, Any]]:
    """Failures by signature as plain data, the same for mail, command and API."""
    return [
        {
            "text": group.signature,
            "count": group.count,
            "dates": [str(date) for date in group.dates],
            "tables": group.tables,
        }
        for group in failure_groups.grouped(steps)
    ]
