"""Performs a run, one attempt at a time: claim what is next, count, call, count again, decide by the data."""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Max
from django.utils import timezone

from apps.coverage import scanning
from apps.coverage.models import Partition, set_activity
from apps.coverage.scanning import Found, Key
from apps.pipeline.definition import Job, Pipeline, Table
from apps.runs import breaker, control, failures, gates, jobs, lanes, outcomes, picking, verdicts
from apps.runs.jobs import CannotLog, Outcome
from apps.runs.keeper import Keeper
from apps.runs.models import Attempt, IllegalMove, Run, Step
from apps.runs.models.run import LONGEST_WAIT
from apps.runs.patience import AWAY, patiently
from apps.runs.picking import CanaryDone, Done, Gate, Pick, Skip, Take
from apps.runs.preflight import starting
from apps.runs.recovery import Fenced, put_back, recover, release_steps
from apps.warehouse.base import Warehouse, WarehouseError

log = logging.getLogger(__name__)

Status = Step.Status

WAREHOUSE_PATIENCE = 20.0  # seconds to wait for a warehouse that does not answer, before the run rests
SHORTEST_WAIT = 30  # seconds that a run rests before it tries again, twice as long each time
OUTAGES = 3  # of the console's database in a row, without an attempt between them


def nobody() -> None:
    """Without a queue there is no other lane to wake."""


class Runner:
    """Performs one lane of a run for as long as it holds the lease; what it learned of the warehouse lives as long."""

    def __init__(
        self,
        run: Run,
        pipeline: Pipeline,
        warehouse: Warehouse,
        keeper: Keeper,
        wake: Callable[[], None] = nobody,
    ):
        self.run = run
        self.pipeline = pipeline
        self.warehouse = warehouse
        self.keeper = keeper
        self.wake = wake
        self.seen: dict[Key, Found] = {}  # what the last look said about the steps to come
        self.number = run.held_lanes.filter(lease=keeper.lease).values_list("number", flat=True).first() or 0

    # One attempt ----------------------------------------------------------------------------------

    def advance(self) -> bool:
        """Makes one attempt, or takes the one decision that is due; False where this lane has nothing to do now."""
        patiently(self.run.refresh_from_db)
        if not self.run.is_active:
            return False
        if self.run.request or self.number >= self.run.lanes:
            return self.leave()
        if self.run.status == Run.Status.QUEUED and not self.begin():
            return False
        taken = self.claim()
        if not isinstance(taken, tuple):
            return self.stand_still(taken)
        self.wake_another()
        try:
            return self.attempt(*taken)
        except CannotLog as problem:
            self.withdraw(taken[1], f"The call decided nothing: {problem}")
            return self.wait(f"What the job says cannot be kept: {problem}", why=Run.Pause.DISK)

    def attempt(self, take: Take, attempt: Attempt) -> bool:
        table, steps = take.table, take.steps
        assert table.job
        before = self.look_before(table, steps, attempt)
        steps = self.verify_complete(table, steps, before, attempt)
        if not steps:
            return True
        began = time.monotonic()
        outcome = self.call(table, table.job, steps, attempt)
        seconds = time.monotonic() - began
        if self.keeper.lost.is_set():
            raise Fenced
        if outcome.stopped:
            self.withdraw(attempt, status=Attempt.Status.STOPPED, exit_status=outcome.exit_status)
            return True  # the next look at the run says what is wanted of it
        after = self.look_after(table, steps, attempt, outcome)
        self.decide(attempt, table, steps, before, after, outcome, seconds=seconds)
        return not self.broke_off()

    # What stands in the way -----------------------------------------------------------------------

    def begin(self) -> bool:
        """Starts or goes on; the first time only where what a launch was checked for still is so."""
        if self.run.started_at is None and (says := self.obstacle()):
            return self.rest(says, why=Run.Pause.PREFLIGHT)
        with self.fenced():
            self.run.refresh_from_db()
            if self.run.status == Run.Status.QUEUED:
                self.run.move(
                    Run.Status.RUNNING,
                    says="Going on" if self.run.started_at else "Started",
                    started_at=self.run.started_at or timezone.now(),
                )
        return True

    def obstacle(self) -> str:
        return starting.obstacle(self.run, self.pipeline, self.warehouse, now=timezone.now())

    def stand_still(self, why: Pick) -> bool:
        """Does what is due when no step may be taken; False, since this lane has nothing to do then."""
        match why:
            case Done():
                self.finish()
            case Gate(phase):
                self.rest(self.gate_in_words(phase), why=Run.Pause.GATE)
            case CanaryDone():
                self.rest(self.canary_in_words(), why=Run.Pause.CANARY)
        return False

    def gate_in_words(self, phase: str) -> str:
        needs = gates.readiness(self.pipeline, self.run, phase)
        short = [
            f"{need.table.rpartition('.')[2]} {need.found} of {need.needed}"
            for need in needs
            if not need.is_met
        ]
        says = f"{self.pipeline.phase(phase).label} starts by hand"
        return f"{says}; not complete for its dates and lookback: {', '.join(short)}" if short else says

    def canary_in_words(self) -> str:
        steps = self.run.steps.filter(is_canary=True)
        verified = steps.filter(status=Status.SUCCEEDED).count()
        return f"Canary done: {verified:,} of {steps.count():,} steps verified; the others wait for a release"

    def rest(self, says: str, *, why: Run.Pause, **facts: Any) -> bool:
        """Asks all lanes to rest for a reason of the run's own, unless a person asked for something meanwhile."""
        with self.fenced():
            Run.objects.filter(pk=self.run.pk, request=Run.Request.NONE).update(
                request=Run.Request.PAUSE, pause=why, message=says, **facts
            )
        return self.leave()

    def wait(self, says: str, *, why: Run.Pause) -> bool:
        """Rests until it can try again by itself, each time for longer."""
        self.run.refresh_from_db(fields=["waits"])
        seconds = min(SHORTEST_WAIT * 2**self.run.waits, LONGEST_WAIT.total_seconds())
        at = timezone.now() + dt.timedelta(seconds=seconds)
        return self.rest(says, why=why, again_at=at, waits=self.run.waits + 1)

    def leave(self) -> bool:
        """Gives the lane back. The last one to leave does what was asked of the run."""
        with self.fenced():
            self.run.refresh_from_db()
            lanes.give_back(self.run.pk, self.keeper.lease)
            under_way = self.run.attempts.filter(status=Attempt.Status.RUNNING)
            if self.run.request and not under_way.exists():
                self.obey()
        return False

    def obey(self) -> None:
        if self.run.request == Run.Request.CANCEL:
            control.give_up(self.run)
            return
        self.run.move(
            Run.Status.PAUSED,
            says=self.run.message if self.run.pause else "Paused",
            pause=self.run.pause or Run.Pause.OPERATOR,
            again_at=self.run.again_at,
        )

    def broke_off(self) -> bool:
        """Rests a run that only collects failures; True where it did."""
        says = breaker.why_stop(self.run)
        if not says or not self.run.steps.unfinished().exists():
            return False  # or nothing is left that stopping could save
        self.rest(says, why=Run.Pause.FAILURES)
        return True

    def finish(self) -> None:
        """Every step is decided: the run succeeded if, and only if, every one is verified."""
        after = control.snapshot(self.pipeline)
        counts = outcomes.of_run(self.run)
        facts: dict[str, Any] = {"finished_at": timezone.now(), "coverage_after": after}
        with self.fenced():
            if counts.verified == counts.total:
                self.run.move(Run.Status.SUCCEEDED, says=f"All {counts.total:,} steps verified", **facts)
            else:
                says = f"{counts.verified:,} of {counts.total:,} steps verified; {counts.why_not_verified}"
                self.run.move(Run.Status.FAILED, says=says, **facts)

    # Claim ----------------------------------------------------------------------------------------

    def claim(self) -> tuple[Take, Attempt] | Pick:
        """Takes the next steps with the attempt that is about to be made, in one transaction; or why it cannot."""
        while True:
            with self.fenced():
                found = picking.pick(self.pipeline, self.run)
                if isinstance(found, Take):
                    return found, self.take(found)
                if not isinstance(found, Skip):
                    return found
                self.skip(found)

    def take(self, take: Take) -> Attempt:
        table, steps = take.table, take.steps
        attempt = self.new_attempt(table, [step.date for step in steps])
        for step in steps:
            step.status, step.attempt = Status.RUNNING, attempt
            step.attempts += 1  # before it is performed: one that takes its worker with it has to count
            step.is_overridden = step.date in take.overridden
        Step.objects.bulk_update(steps, ["status", "attempt", "attempts", "is_overridden"])
        set_activity(
            table.name, [step.date for step in steps], Partition.Activity.RUNNING, run_id=self.run.pk
        )
        return attempt

    def new_attempt(self, table: Table, dates: list[dt.date]) -> Attempt:
        assert table.job
        number = (self.run.attempts.aggregate(last=Max("number"))["last"] or 0) + 1
        call = jobs.prepare(self.pipeline, table.job, dates, run=self.run.pk, attempt=number)
        return self.run.attempts.create(
            number=number,
            table=table.name,
            dates=[str(date) for date in dates],
            lease=self.keeper.lease,
            worker=settings.WORKER_NAME,
            argv=list(call.shown_argv),
            cwd=str(call.cwd),
            environment=call.shown_environment,
        )

    def skip(self, skip: Skip) -> None:
        """Decides steps without a call; each has its reason."""
        dates = [step.date for step in skip.reasons]
        for step, reason in skip.reasons.items():
            step.status, step.message, step.finished_at = Status.SKIPPED, reason, timezone.now()
        Step.objects.bulk_update(skip.reasons, ["status", "message", "finished_at"], batch_size=500)
        set_activity(skip.table, dates, Partition.Activity.NONE, run_id=None)
        control.recall_failures(skip.table, dates)
        self.record_table_end(skip.table)

    def wake_another(self) -> None:
        """Where there is work for another lane and nobody is on it, somebody is told."""
        if self.run.lanes == 1 or not lanes.free(self.run, timezone.now()):
            return
        if isinstance(picking.pick(self.pipeline, self.run), Take):
            self.wake()

    # Before, call, after --------------------------------------------------------------------------

    def look_before(self, table: Table, steps: list[Step], attempt: Attempt) -> dict[Key, Found]:
        """What is there before the call: from the look after the last one, if that saw these partitions."""
        keys = [(step.table, step.date) for step in steps]
        if all(key in self.seen for key in keys):
            return {key: self.seen[key] for key in keys}
        try:
            return self.look({table.name: [step.date for step in steps]})
        except WarehouseError:
            with self.fenced():
                undo(attempt)
            raise

    def verify_complete(
        self, table: Table, steps: list[Step], before: dict[Key, Found], attempt: Attempt
    ) -> list[Step]:
        """The steps, where all of them need a call. What a worker that died, or anybody else, completed does not."""
        if self.run.reprocess == Run.Reprocess.ALL:
            return steps
        done = [step for step in steps if before[step.table, step.date].is_complete]
        if not done:
            return steps
        with self.fenced():
            scanning.remember(before[step.table, step.date] for step in done)
            for step in done:
                verdicts.verified_without_a_call(step, before[step.table, step.date])
            Step.objects.bulk_update(done, verdicts.FIELDS)
            set_activity(table.name, [step.date for step in done], Partition.Activity.NONE, run_id=None)
            Partition.objects.filter(table=table.name, date__in=[step.date for step in done]).update(
                complete_rows=F("rows")
            )
            undo(attempt)
            self.record_table_end(table.name)
        return []  # the others are taken anew: a range over them must not cover what is complete

    def look_after(
        self, table: Table, steps: list[Step], attempt: Attempt, outcome: Outcome
    ) -> dict[Key, Found]:
        """What is there after the call, and in the same question what is there before the next one."""
        wanted = {table.name: [step.date for step in steps]}
        coming = patiently(lambda: picking.pick(self.pipeline, self.run, after=attempt))
        for step in coming.steps if isinstance(coming, Take) else ():
            wanted.setdefault(step.table, []).append(step.date)
        try:
            self.seen = self.look(wanted)
        except WarehouseError as error:
            # What the call did nobody can see now. The look before the next call will.
            says = f"The call ended, and the warehouse could not be asked what it did: {error}"
            self.withdraw(attempt, says, status=verdicts.of_call(outcome), exit_status=outcome.exit_status)
            raise
        return self.seen

    def look(self, wanted: dict[str, list[dt.date]]) -> dict[Key, Found]:
        """Asks the warehouse, patiently: one that is away for a moment is no failure of anybody's dates."""
        deadline = time.monotonic() + WAREHOUSE_PATIENCE
        pause = 0.5
        while True:
            try:
                return scanning.read(self.pipeline, self.warehouse, wanted)
            except WarehouseError as error:
                if time.monotonic() + pause > deadline or self.keeper.must_stop():
                    raise
                log.warning("run %s: %s; asking again in %.0f s", self.run.pk, error, pause)
            time.sleep(pause)
            pause = min(2 * pause, 15)

    def call(self, table: Table, job: Job, steps: list[Step], attempt: Attempt) -> Outcome:
        dates = [step.date for step in steps]
        call = jobs.prepare(self.pipeline, job, dates, run=self.run.pk, attempt=attempt.number)
        if call.sql:
            with self.fenced():
                pass  # a script cannot be called back as soon as it began, like a process below
            return jobs.run_sql(
                call,
                attempt.log_path,
                warehouse=self.warehouse,
                start=min(dates),
                end=max(dates),
                timeout=job.timeout,
                stopped=self.keeper.must_stop,
            )

        def started(pid: int, process: str) -> None:
            with self.fenced():  # a worker that was frozen since it took the steps does not begin any more
                Attempt.objects.filter(pk=attempt.pk).update(pid=pid, process=process)

        return jobs.run_process(
            call, attempt.log_path, timeout=job.timeout, stopped=self.keeper.must_stop, started=started
        )

    # Decide ---------------------------------------------------------------------------------------

    def decide(
        self,
        attempt: Attempt,
        table: Table,
        steps: list[Step],
        before: dict[Key, Found],
        after: dict[Key, Found],
        outcome: Outcome,
        *,
        seconds: float,
    ) -> None:
        """Every step by its data. The exit status is the job's opinion; the warehouse has the last word."""
        assert table.job
        found = [after[step.table, step.date] for step in steps]
        said = failures.messages(attempt.log_path, [step.date for step in steps])
        units = sum(step.units for step in steps) or 1
        for step, each in zip(steps, found, strict=True):
            step.seconds = seconds * step.units / units
            verdicts.settle(
                step, before[step.table, step.date], each, said.get(step.date, ""), outcome, table.job
            )
        if outcome.timed_out and len(steps) > 1:
            verdicts.try_again_in_halves(steps)
        with self.fenced():
            self.close(attempt, outcome)
            self.record_news(steps)
            scanning.remember(found)
            Step.objects.bulk_update(steps, verdicts.FIELDS)
            self.show_activity(table, steps)
            self.record_table_end(table.name)
            if self.run.waits:
                Run.objects.filter(pk=self.run.pk).update(waits=0)

    def record_news(self, steps: list[Step]) -> None:
        """A line in the timeline for a failure that says what none before did, while something can be done yet."""
        first = {step.signature: step for step in reversed(steps) if step.status == Status.FAILED}
        if not first or not self.run.steps.unfinished().exclude(pk__in=[step.pk for step in steps]).exists():
            return
        known = self.run.steps.failed().filter(signature__in=first).values_list("signature", flat=True)
        for signature in sorted(set(first) - set(known)):
            step = first[signature]
            says = f"{step.table.rpartition('.')[2]} failed in a new way on {step.date}: {step.message}"
            self.run.record("first failure", says)

    def close(self, attempt: Attempt, outcome: Outcome) -> None:
        """Ends the attempt, unless it was taken for lost while its worker was frozen."""
        mine = Attempt.objects.filter(pk=attempt.pk, status=Attempt.Status.RUNNING)
        if not mine.update(
            status=verdicts.of_call(outcome),
            exit_status=outcome.exit_status,
            finished_at=timezone.now(),
            message=outcome.error,
        ):
            raise Fenced

    def show_activity(self, table: Table, steps: list[Step]) -> None:
        """Tells the partitions what became of their steps."""
        for status, activity in (
            (Status.SUCCEEDED, Partition.Activity.NONE),
            (Status.PENDING, Partition.Activity.QUEUED),
            (Status.FAILED, Partition.Activity.FAILED),
        ):
            some = [step for step in steps if step.status == status]
            if some:
                run_id = None if activity == Partition.Activity.NONE else self.run.pk
                set_activity(table.name, [step.date for step in some], activity, run_id=run_id)
        for step in steps:
            if step.status == Status.SUCCEEDED:
                Partition.objects.filter(table=step.table, date=step.date).update(
                    seconds=step.seconds, complete_rows=step.rows_after
                )

    def withdraw(self, attempt: Attempt, says: str = "", **facts: Any) -> None:
        """A call of which nobody can say what it did decides nothing."""
        with self.fenced():
            put_back(attempt, message=says, **({"status": Attempt.Status.ENDED} | facts))
        self.seen = {}

    def begin_afresh(self, why: Exception) -> None:
        """After a database that broke off in the middle of a decision: what was under way decides nothing."""
        log.warning("run %s: the database broke off, beginning afresh: %s", self.run.pk, why)
        with self.fenced():
            mine = self.run.attempts.filter(status=Attempt.Status.RUNNING, lease=self.keeper.lease)
            for attempt in mine:
                says = f"The console's database broke off before this call was decided: {why}"
                put_back(attempt, status=Attempt.Status.ENDED, message=says)
        self.seen = {}

    def record_table_end(self, name: str) -> None:
        """A line in the timeline when a table has no step left."""
        steps = self.run.steps.filter(table=name)
        if steps.unfinished().exists():
            return
        verified = steps.filter(status=Status.SUCCEEDED).count()
        self.run.record("table", f"{name.rpartition('.')[2]} verified on {verified} of {steps.count()}")

    @contextmanager
    def fenced(self) -> Iterator[None]:
        """A transaction in which only the holder of the lease writes."""
        with patiently(self.begun):
            yield

    def begun(self) -> ExitStack:
        """Such a transaction, begun: what it writes from here on waits for nobody."""
        with ExitStack() as stack:
            stack.enter_context(transaction.atomic())
            if not lanes.holds(self.run, self.keeper.lease):
                raise Fenced
            return stack.pop_all()


def undo(attempt: Attempt) -> None:
    """The job was not called after all: there was no attempt."""
    release_steps(attempt)
    attempt.delete()


def perform(
    run_id: int,
    pipeline: Pipeline,
    *,
    lease: str,
    until: float | None = None,
    warehouse: Warehouse | None = None,
    wake: Callable[[], None] = nobody,
) -> bool:
    """Performs a lane whose lease the caller took; True where there is more to do after `until` (monotonic seconds).

    `wake` is called when there is work for another lane that nobody holds.
    """
    run = Run.objects.get(pk=run_id)
    try:
        with Keeper(run_id, lease) as kept:
            recover(run, lease)
            runner = Runner(run, pipeline, warehouse or scanning.open_warehouse(pipeline), kept, wake)
            return advance_until(runner, until)
    except Fenced:
        log.warning("run %s: another worker performs it by now", run_id)
    except IllegalMove as refusal:
        log.info("run %s: somebody was quicker: %s", run_id, refusal)
    return False


def advance_until(runner: Runner, until: float | None) -> bool:
    more, outages = True, 0
    try:
        while more and (until is None or time.monotonic() < until):
            try:
                more, outages = runner.advance(), 0
            except AWAY as error:
                outages += 1
                if outages > OUTAGES:
                    raise
                runner.begin_afresh(error)
    except WarehouseError as error:
        # Nobody's dates failed: the run rests, and tries again by itself.
        return runner.wait(f"The warehouse does not answer: {error}", why=Run.Pause.WAREHOUSE)
    return more
