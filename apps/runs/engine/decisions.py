"""Writes what an attempt did: the attempt, its steps and their partitions, in one transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from django.db.models import F
from django.utils import timezone

from apps.coverage.models import Partition, set_activity
from apps.coverage.scanning import readings
from apps.coverage.scanning.judging import Found, Key
from apps.coverage.scanning.snapshots import Snapshot
from apps.grouping import by_key
from apps.pipeline import definition
from apps.pipeline.sections import Table
from apps.runs.calls.jobs import Outcome
from apps.runs.engine import claims, contention, not_started, regressions, side_effects, verdicts
from apps.runs.engine.lane_context import LaneContext
from apps.runs.engine.side_effects import Change
from apps.runs.failures import log_messages, signatures
from apps.runs.models import Attempt, Run, Step
from apps.runs.models.leases import LeaseLost
from apps.runs.results import outcomes

Status = Step.Status


def decide(
    lane: LaneContext,
    attempt: Attempt,
    table: Table,
    steps: list[Step],
    *,
    before: Snapshot,
    after: Snapshot,
    outcome: Outcome,
    seconds: float,
) -> str:
    """Decides every step by its data. The exit status is the job's opinion; the warehouse has the last word.

    Returns why the run has to pause at once, because the call destroyed complete dates; empty if it did not.
    """
    assert table.job
    found_before = [before.found[step.table, step.date] for step in steps]
    found = [after.found[step.table, step.date] for step in steps]
    dates = [step.date for step in steps]
    stale = stale_reasons(table, [was.date for was in found_before if was.is_complete])
    effects = side_effects.of_call(lane.pipeline, table, attempt, dates, before, after)
    log = log_messages.read_log(attempt.log_path, dates)
    units = sum(step.units for step in steps) or 1
    for step, was, each in zip(steps, found_before, found, strict=True):
        step.seconds = seconds * step.units / units
        said = log.message(step.date)
        stale_reason = stale.get(step.date, "")
        verdicts.apply_verdict(
            step,
            was,
            each,
            said,
            outcome,
            table.job,
            side_effects=effects.appeared,
            stale_reason=stale_reason,
        )
    if outcome.timed_out and len(steps) > 1:
        verdicts.try_again_in_halves(steps)
    else:
        failed = {step.date for step in steps if step.status != Status.SUCCEEDED}
        untouched = {
            was.date for was, each in zip(found_before, found, strict=True) if was.count == each.count
        }
        not_reached = not_started.dates_not_started(dates, log, outcome, failed=failed, untouched=untouched)
        not_started.reset_not_started(steps, not_reached, log)
    contention.reset_steps(steps)
    with lane.transaction():
        close(attempt, outcome)
        record_news(lane.run, steps)
        readings.store(found)
        Step.store(steps, verdicts.FIELDS)
        show_activity(lane.run, table, steps)
        regressions.record(lane, attempt, effects)
        outcomes.record_table_end(lane.run, table.name)
        if lane.run.waits:
            lane.run.forget_waits()
    own = (Change(was, each) for was, each in zip(found_before, found, strict=True))
    return regressions.why_pause(attempt, [*own, *effects.changes])


def close(attempt: Attempt, outcome: Outcome) -> None:
    """Ends the attempt. LeaseLost if it was marked as lost while its worker was frozen."""
    mine = Attempt.objects.filter(pk=attempt.pk, status=Attempt.Status.RUNNING)
    if not mine.update(
        status=verdicts.attempt_status(outcome),
        exit_status=outcome.exit_status,
        finished_at=timezone.now(),
        message=outcome.error,
    ):
        raise LeaseLost


def record_news(run: Run, steps: list[Step]) -> None:
    """Records a kind of failure that the run did not have before, while steps are left."""
    first = {
        signatures.kind(step.signature): step for step in reversed(steps) if step.status == Status.FAILED
    }
    if not first or not run.steps.unfinished().exclude(pk__in=[step.pk for step in steps]).exists():
        return
    known = run.steps.failed().order_by().values_list("signature", flat=True).distinct()
    for kind in sorted(first.keys() - {signatures.kind(signature) for signature in known}):
        step = first[kind]
        says = f"{definition.short_name(step.table)} failed in a new way on {step.date}: {step.message}"
        run.record("first failure", says)


def show_activity(run: Run, table: Table, steps: list[Step]) -> None:
    """Stores on the partitions what became of their steps."""
    for activity, dates in by_key((activity_of(step), step.date) for step in steps).items():
        run_id = None if activity == Partition.Activity.NONE else run.pk
        set_activity(table.name, dates, activity, run_id=run_id)
    for step in steps:
        if step.status == Status.SUCCEEDED:
            Partition.objects.filter(table=step.table, date=step.date).update(
                seconds=step.seconds,
                complete_rows=step.rows_after,
                complete_keys=step.keys_after,
                closed_by=None,
            )


def activity_of(step: Step) -> Partition.Activity:
    """The activity of a partition whose step was called."""
    if step.status == Status.PENDING:
        return Partition.Activity.QUEUED
    return Step.activity_left(step.status, step.is_redo)


def verify_complete(
    lane: LaneContext, attempt: Attempt, table: Table, steps: list[Step], before: Mapping[Key, Found]
) -> bool:
    """Steps that a worker that died, or anybody else, completed need no call, unless they were complete at the launch,
    too, and are to be done again; True if there were some.

    The others are then claimed again: a range over them must not cover what is complete.
    """
    if lane.run.reprocess == Run.Reprocess.ALL:
        return False
    done = [step for step in steps if before[step.table, step.date].is_complete and not step.is_redo]
    if done:
        outdated = stale_reasons(table, [step.date for step in done])
        done = [step for step in done if step.date not in outdated]
    if not done:
        return False
    dates = [step.date for step in done]
    with lane.transaction():
        readings.store(before[step.table, step.date] for step in done)
        for step in done:
            verdicts.verified_without_a_call(step, before[step.table, step.date])
        Step.store(done, verdicts.FIELDS)
        set_activity(table.name, dates, Partition.Activity.NONE, run_id=None)
        partitions = Partition.objects.filter(table=table.name, date__in=dates)
        partitions.update(complete_rows=F("rows"), complete_keys=F("keys"), closed_by=None)
        claims.delete_attempt(attempt)
        outcomes.record_table_end(lane.run, table.name)
    return True


def stale_reasons(table: Table, dates: list[dt.date]) -> dict[dt.date, str]:
    """The reason of each of these dates that is stale."""
    if not dates:
        return {}
    found = Partition.objects.of([table.name]).filter(date__in=dates, state=Partition.State.STALE)
    return dict(found.values_list("date", "reason"))
