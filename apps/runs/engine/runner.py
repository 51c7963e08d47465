"""Performs a run, one attempt at a time: claim what is next, count, call, count again, decide by the data."""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from typing import Any, TypeVar

from django.utils import timezone
from tenacity import (
    Retrying,
    before_sleep_log,
    retry_if_exception,
    stop_before_delay,
    wait_exponential,
)

from apps import timing
from apps.coverage.models import Partition
from apps.coverage.scanning import readings, snapshots, warehouses
from apps.coverage.scanning.judging import Key
from apps.coverage.scanning.snapshots import Snapshot
from apps.db_retry import DB_OUTAGE, retry_on_db_outage
from apps.grouping import by_key
from apps.pipeline import definition
from apps.pipeline.definition import Pipeline
from apps.pipeline.sections import Job, Table
from apps.runs.calls import jobs
from apps.runs.calls.jobs import CannotLog, Outcome
from apps.runs.dependencies import downstream
from apps.runs.engine import (
    circuit_breaker,
    claims,
    contention,
    decisions,
    final_check,
    interrupted,
    pausing,
    picking,
    regressions,
    unfillable,
    verdicts,
)
from apps.runs.engine.lane_context import LaneContext
from apps.runs.engine.lease_heartbeat import LeaseHeartbeat, note_stop
from apps.runs.engine.picking import InputsUnknown, NoWork, Take
from apps.runs.engine.recovery import cancel_orphaned_jobs, may_be_orphaned, recover, reset_attempt
from apps.runs.engine.unfillable import Unfillable
from apps.runs.estimates import billing
from apps.runs.models import Attempt, IllegalMove, Run, Step, leases
from apps.runs.models.leases import LeaseLost
from apps.runs.preflight import start_checks
from apps.runs.results import made_stale
from apps.warehouse.base import (
    OverQuota,
    QueryFailed,
    StillAtWork,
    TakesTurns,
    Warehouse,
    WarehouseError,
)
from apps.workers import stopping

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

OUTAGES = 3  # of the console's database in a row, without an attempt between them


def no_wake() -> None:
    """Without a queue there is no other lane to wake."""


class Runner:
    """Performs one lane of a run; what it learned of the warehouse lives as long as it does."""

    def __init__(self, lane: LaneContext, warehouse: Warehouse, wake: Callable[[], None] = no_wake):
        self.lane = lane
        self.run, self.pipeline, self.heartbeat = lane.run, lane.pipeline, lane.heartbeat
        self.warehouse = warehouse
        self.wake = wake
        self.seen = Snapshot()  # the last one, which asked about the steps to come too
        self.unreadable_inputs: set[Key] = set()

    def advance(self) -> bool:
        """Makes one attempt, or takes the one decision that is due; False if this lane has nothing to do now."""
        retry_on_db_outage(self.run.refresh_from_db)
        if not self.run.is_active:
            return False
        if not self.lane.is_wanted:
            pausing.release_lane(self.lane)
            return False
        if stopping.stop_requested():
            return False
        if self.unfillable:
            says = f"{unfillable.in_a_sentence(self.unfillable)}. {unfillable.REMEDY}"
            pausing.pause(self.lane, Run.PauseReason.PIPELINE, says)
            return False
        if self.run.status == Run.Status.QUEUED and not self.begin():
            return False
        taken = claims.claim(self.lane, unreadable_inputs=self.unreadable_inputs)
        if isinstance(taken, InputsUnknown):
            self.read_inputs(taken.keys)
            return True
        if taken is NoWork.DONE:
            final_check.apply_final_check(
                self.lane, self.ask(lambda: final_check.read(self.lane, self.warehouse))
            )
        if not isinstance(taken, tuple):
            pausing.handle_no_work(self.lane, taken)
            return False
        self.wake_another()
        return self.attempt(*taken)

    @cached_property
    def unfillable(self) -> list[Unfillable]:
        """Asked once: neither the file nor the run's steps become others while a process works on it."""
        return retry_on_db_outage(lambda: unfillable.of_run(self.run, self.pipeline))

    @cached_property
    def marks_stale(self) -> bool:
        """Whether what a call wrote may make stale what later steps read; else the end of the run is early enough."""
        return retry_on_db_outage(lambda: downstream.are_read_on(self.run, self.pipeline))

    def begin(self) -> bool:
        """Starts or continues the run; False if a check of its first start failed, which pauses it."""
        first_time = self.run.started_at is None
        if first_time and (
            obstacle := start_checks.obstacle(self.run, self.pipeline, self.warehouse, now=timezone.now())
        ):
            pausing.pause(self.lane, Run.PauseReason.PREFLIGHT, obstacle)
            return False
        pausing.begin(self.lane)
        return True

    def wake_another(self) -> None:
        """Calls `wake` if there is work for another lane and a lane is free."""
        if self.run.lanes == 1 or not leases.available(self.run, timezone.now()):
            return
        if isinstance(picking.pick(self.pipeline, self.run), Take):
            self.wake()

    def read_inputs(self, keys: Iterable[Key]) -> None:
        """Reads inputs that were never read, in one query, and stores them. A WarehouseError if there is no answer."""
        found = self.look(None, by_key(keys)).found
        with self.lane.transaction():
            readings.store(found.values())
        unknown = Partition.State.UNKNOWN
        self.unreadable_inputs |= {key for key, each in found.items() if each.verdict.state == unknown}

    # One attempt ----------------------------------------------------------------------------------

    def attempt(self, take: Take, attempt: Attempt) -> bool:
        """Makes the call and decides it; False if this lane has nothing to do after it."""
        try:
            with self.turn(attempt):
                destroyed = self.perform(take.table, take.steps, attempt)
        except CannotLog as problem:
            self.mark_inconclusive(attempt, f"The call decided nothing: {problem}")
            self.read_again(attempt)
            says = f"What the job says cannot be kept: {problem}"
            pausing.wait(self.lane, Run.PauseReason.DISK, says)
            return False
        if destroyed is None:
            return True
        if self.marks_stale:
            with self.lane.transaction():
                made_stale.mark(self.run, self.pipeline)
        if not destroyed and contention.was_met(take.steps):
            pausing.wait(self.lane, Run.PauseReason.WAREHOUSE, contention.SAYS)
            return False
        just_decided = len(take.steps)
        says = destroyed or circuit_breaker.reason_to_open(self.run, just_decided=just_decided)
        return not pausing.pause_for_failures(self.lane, says)

    @contextmanager
    def turn(self, attempt: Attempt) -> Iterator[None]:
        """Holds the warehouse for this call and its counts, if only one process at a time may use it."""
        who = f"the call of run {self.run.pk} ({definition.short_name(attempt.table)}, attempt {attempt.number})"
        with ExitStack() as taken:
            if isinstance(self.warehouse, TakesTurns):
                try:
                    taken.enter_context(
                        self.warehouse.turn_of_call(
                            who, owner=attempt.log_key, stopped=self.heartbeat.must_stop
                        )
                    )
                except WarehouseError:
                    with self.lane.transaction():
                        claims.delete_attempt(attempt)
                    raise
            yield

    def perform(self, table: Table, steps: list[Step], attempt: Attempt) -> str | None:
        """Counts, calls, counts again and decides.

        Returns a sentence about the complete data that the call destroyed, empty if none; None if there was nothing to
        decide.
        """
        assert table.job
        before = self.look_before(table, steps, attempt)
        if decisions.verify_complete(self.lane, attempt, table, steps, before.found):
            return None
        began = time.monotonic()
        try:
            outcome = self.call(table, table.job, steps, attempt)
        except WarehouseError as error:
            with self.lane.transaction():
                # At once: a script may still run, and no other lane may take its dates.
                pausing.request_wait_for_warehouse(self.lane, error)
                self.mark_unanswered(attempt, error)
            raise
        seconds = time.monotonic() - began
        if self.heartbeat.lost.is_set():
            raise LeaseLost
        if outcome.stopped:  # the next look at the run says what is wanted of it
            self.mark_stopped(attempt, outcome)
            self.read_again(attempt)
            return None
        after = self.look_after(table, steps, attempt, outcome)
        return decisions.decide(
            self.lane, attempt, table, steps, before=before, after=after, outcome=outcome, seconds=seconds
        )

    def look_before(self, table: Table, steps: list[Step], attempt: Attempt) -> Snapshot:
        """The counts before the call: those after the last call, if they include these partitions."""
        found = [self.seen.found.get((step.table, step.date)) for step in steps]
        if all(each and each.count for each in found):
            return self.seen
        known = regressions.complete_dates(table.name)
        try:
            look = self.look(table, {table.name: [step.date for step in steps]})
        except WarehouseError:
            with self.lane.transaction():
                claims.delete_attempt(attempt)
            raise
        regressions.note_damage(self.lane, attempt, look, known, since="before")
        return look

    def look_after(self, table: Table, steps: list[Step], attempt: Attempt, outcome: Outcome) -> Snapshot:
        """The counts after the call, and in the same query those before the next one."""
        wanted = {table.name: [step.date for step in steps]}
        coming = retry_on_db_outage(lambda: picking.pick(self.pipeline, self.run, after=attempt))
        for step in coming.steps if isinstance(coming, Take) else ():
            wanted.setdefault(step.table, []).append(step.date)
        try:
            self.seen = self.look(table, wanted)
        except WarehouseError as error:
            # What the call did is not known now. The look before the next call will tell.
            says = f"The call ended, and the warehouse could not be asked what it did: {error}"
            self.mark_inconclusive(
                attempt, says, status=verdicts.attempt_status(outcome), exit_status=outcome.exit_status
            )
            raise
        return self.seen

    def look(self, table: Table | None, wanted: dict[str, list[dt.date]]) -> Snapshot:
        """Counts these dates. QueryFailed if this table could be read before and cannot be now."""

        def asked() -> Snapshot:
            found = snapshots.take_snapshot(self.pipeline, self.warehouse, wanted)
            if table:
                require_readable(table, found)
            return found

        return self.ask(asked)

    def ask(self, question: Callable[[], Answer]) -> Answer:
        """Asks the warehouse, and again for a while if it does not answer: no date fails because of a short outage.

        An exhausted quota is not asked about again: each question would use more of it.
        """
        retrying = Retrying(
            retry=retry_if_exception(lambda error: is_outage(error) and not self.heartbeat.must_stop()),
            wait=wait_exponential(multiplier=0.5, max=15),
            stop=stop_before_delay(timing.WAREHOUSE_RETRY_FOR),
            before_sleep=before_sleep_log(log, logging.WARNING),
            reraise=True,
        )
        return retrying(question)

    def call(self, table: Table, job: Job, steps: list[Step], attempt: Attempt) -> Outcome:
        dates = [step.date for step in steps]
        call = jobs.prepare(self.pipeline, job, dates, run=self.run.pk, attempt=attempt.number)
        if call.sql:
            with self.lane.transaction():
                pass  # a script cannot be called back as soon as it began, like a process below
            with billing.store_when_done(attempt, self.warehouse):
                return jobs.run_sql(
                    call,
                    attempt.log_path,
                    warehouse=self.warehouse,
                    start=min(dates),
                    end=max(dates),
                    timeout=job.timeout,
                    stopped=self.heartbeat.must_stop,
                    job_id=attempt.job_id,
                    labels=attempt.labels,
                )

        def started(pid: int, process: str) -> None:
            # The process waits. One whose worker was frozen since it took the steps does not begin any more.
            with self.lane.transaction():
                Attempt.objects.filter(pk=attempt.pk).update(pid=pid, process=process)

        return jobs.run_process(
            call, attempt.log_path, timeout=job.timeout, stopped=self.heartbeat.must_stop, started=started
        )

    def mark_inconclusive(
        self,
        attempt: Attempt,
        says: str = "",
        *,
        status: Attempt.Status = Attempt.Status.ENDED,
        **facts: Any,
    ) -> None:
        """Stores that the call decides nothing, and forgets what was counted before it."""
        with self.lane.transaction():
            reset_attempt(attempt, status=status, message=says, **facts)
        self.seen = Snapshot()

    def mark_stopped(self, attempt: Attempt, outcome: Outcome) -> None:
        """Stores that the call was ended at the request of an operator, or because its worker has to stop."""
        by_worker = stopping.stop_requested() and not self.heartbeat.stop_was_requested()
        with self.lane.transaction():
            if by_worker:
                note_stop(Attempt.objects.filter(pk=attempt.pk))
                attempt.refresh_from_db(fields=["stopped_by"])
                self.run.record("worker stopped", attempt.stopped_in_words)
            self.mark_inconclusive(attempt, status=Attempt.Status.STOPPED, exit_status=outcome.exit_status)

    def read_again(self, attempt: Attempt) -> None:
        """Reads what an interrupted call left on its dates and, if its whole table is counted, on others."""
        known = regressions.complete_dates(attempt.table)
        look = interrupted.read_again(attempt, self.warehouse, self.pipeline)
        regressions.note_damage(self.lane, attempt, look, known, since="after")

    def mark_unanswered(self, attempt: Attempt, error: WarehouseError) -> None:
        """Stores a call whose end the warehouse did not report. After a timeout the next call is smaller."""
        says = f"The call decided nothing: {error}"
        if error.is_over:
            self.mark_inconclusive(attempt, says)
        elif isinstance(error, StillAtWork) and not self.heartbeat.must_stop():
            self.mark_script_inconclusive(attempt, says, status=Attempt.Status.TIMED_OUT)
        else:
            self.mark_script_inconclusive(attempt, says)

    def mark_script_inconclusive(self, attempt: Attempt, says: str, **facts: Any) -> None:
        """Stores that the call decides nothing, and that its script may still run in the warehouse."""
        if not may_be_orphaned(attempt, self.warehouse):
            self.mark_inconclusive(attempt, says, **facts)
            return
        with self.lane.transaction():
            self.mark_inconclusive(attempt, says, orphaned_at=timezone.now(), **facts)
            may_run = f"The script of attempt {attempt.number} may still run in the warehouse"
            self.run.record("orphaned job", f"{may_run}; it is ended as soon as that can be")

    def reset_after_db_outage(self, why: Exception) -> None:
        """Makes inconclusive what was under way when the connection to the database broke."""
        log.warning("run %s: the database broke off, beginning afresh: %s", self.run.pk, why)
        mine = self.run.attempts.filter(status=Attempt.Status.RUNNING, lease=self.heartbeat.lease)
        for attempt in retry_on_db_outage(lambda: list(mine)):
            says = f"The console's database broke off before this call was decided: {why}"
            self.mark_script_inconclusive(attempt, says)
        cancel_orphaned_jobs(Attempt.objects.filter(run=self.run), self.warehouse)
        self.seen = Snapshot()


def is_outage(error: BaseException) -> bool:
    return isinstance(error, WarehouseError) and not isinstance(error, OverQuota)


def require_readable(table: Table, look: Snapshot) -> None:
    """QueryFailed if the call's table, or the one that it is compared with, could be read before and cannot be now: no
    date has failed."""
    mine = [each for each in look.found.values() if each.table == table.name]
    silent = next((each for each in mine if each.count is None), None)
    if silent and readings.was_read(table.name):
        raise QueryFailed(silent.verdict.reason)
    if any(each.verdict.state == Partition.State.UNKNOWN for each in mine):
        other, reading = table.compared_with or "", look.reading
        if other in reading.problems and not reading.is_absent(other) and readings.was_read(other):
            raise QueryFailed(reading.problems[other])


def perform(
    run_id: int,
    pipeline: Pipeline,
    *,
    lease: str,
    until: float | None = None,
    warehouse: Warehouse | None = None,
    wake: Callable[[], None] = no_wake,
) -> bool:
    """Performs a lane whose lease the caller took; True if there is more to do after `until` (monotonic seconds).

    `wake` is called when there is work for another lane and one is free.
    """
    run = Run.objects.get(pk=run_id)
    try:
        with LeaseHeartbeat(run_id, lease) as heartbeat:
            warehouse = warehouse or warehouses.open_warehouse(pipeline, {"run": str(run_id)})
            return advance_until(Runner(LaneContext(run, pipeline, heartbeat), warehouse, wake), until)
    except LeaseLost:
        log.warning("run %s: another worker performs it by now", run_id)
    except IllegalMove as refusal:
        log.info("run %s: it was changed meanwhile: %s", run_id, refusal)
    return False


def advance_until(runner: Runner, until: float | None) -> bool:
    more, outages = True, 0
    try:
        recover(runner.run, runner.heartbeat.lease, runner.warehouse)
        while more:
            try:
                more, outages = runner.advance(), 0
            except DB_OUTAGE as error:
                outages += 1
                if outages > OUTAGES:
                    raise
                runner.reset_after_db_outage(error)
            if until is not None and time.monotonic() >= until:
                break  # after a step at least, however long it took to begin
    except WarehouseError as error:
        pausing.request_wait_for_warehouse(runner.lane, error)
        pausing.release_lane(runner.lane)
        return False
    return more
