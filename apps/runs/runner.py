"""Performs a run, one attempt at a time: gate, claim, count, call, count again, decide by the data."""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.db.models import F, Max
from django.utils import timezone

from apps.coverage import scanning
from apps.coverage.dates import in_words
from apps.coverage.models import CalendarDate, Partition, set_activity
from apps.coverage.scanning import Found, Key
from apps.pipeline.definition import Job, Pipeline, Table
from apps.runs import control, failures, gates, jobs, keeper, planning
from apps.runs.jobs import Outcome
from apps.runs.keeper import Keeper
from apps.runs.models import Attempt, IllegalMove, Run, Step
from apps.warehouse.base import Warehouse, WarehouseError

log = logging.getLogger(__name__)

Status = Step.Status

LOST_TIMES = 3  # a step that took its worker with it so often is failed, not tried for ever
WAREHOUSE_PATIENCE = 60.0  # seconds to wait for a warehouse that does not answer, before the run rests
HALF_OF = 20  # decided steps from which on "half of them failed" stops a run


class Fenced(Exception):
    """Somebody else performs the run by now; nothing may be written any more."""


class Runner:
    """Performs one run for as long as it holds the lease. What it learned of the warehouse lives as long as it does."""

    def __init__(self, run: Run, pipeline: Pipeline, warehouse: Warehouse, keeper: Keeper):
        self.run = run
        self.pipeline = pipeline
        self.warehouse = warehouse
        self.keeper = keeper
        self.seen: dict[Key, Found] = {}  # what the last look said about the steps to come
        self.calendar = list(CalendarDate.objects.values_list("date", flat=True))

    # One attempt ----------------------------------------------------------------------------------

    def advance(self) -> bool:
        """Makes one attempt, or takes the one decision that is due; False where nothing is left to do now."""
        self.run.refresh_from_db()
        if not self.run.is_active or not self.obey():
            return False
        if self.run.status == Run.Status.QUEUED:
            self.begin()
        steps = self.next_steps()
        if not steps:
            self.finish()
            return False
        table = self.pipeline.table(steps[0].table)
        if gates.manual_gate(self.pipeline, self.run, table.phase):
            self.wait_at_gate(table.phase)
            return False
        steps = self.skip_closed(table, steps)
        before = self.look_before(table, steps)
        steps = self.verify_complete(table, steps, before)
        if steps:
            self.attempt(table, steps, before)
        return not self.broke_off()

    def attempt(self, table: Table, steps: list[Step], before: dict[Key, Found]) -> None:
        assert table.job
        steps = list(self.fitting(table.job, steps, len(steps)))
        attempt = self.claim(table, steps, before)
        began = time.monotonic()
        outcome = self.call(table, table.job, steps, attempt)
        seconds = time.monotonic() - began
        if self.keeper.lost.is_set():
            raise Fenced
        if outcome.stopped:
            self.put_back(attempt, status=Attempt.Status.STOPPED, exit_status=outcome.exit_status)
            return
        try:
            after = self.look_after(table, steps)
        except WarehouseError as error:
            # What the call did nobody can see now. The look before the next call will.
            says = f"The call ended, and the warehouse could not be asked what it did: {error}"
            self.put_back(attempt, status=ended(outcome), exit_status=outcome.exit_status, message=says)
            raise
        self.decide(attempt, table, steps, before, after, outcome, seconds=seconds)

    # What people asked for ------------------------------------------------------------------------

    def obey(self) -> bool:
        """Does what a person asked for; False where that ends the work."""
        if self.run.request == Run.Request.NONE:
            return True
        with self.fenced():
            if self.run.request == Run.Request.CANCEL:
                control.give_up(self.run)
            else:
                self.run.move(Run.Status.PAUSED, says="Paused", pause=Run.Pause.OPERATOR)
        return False

    def begin(self) -> None:
        first = self.run.started_at is None
        with self.fenced():
            self.run.move(
                Run.Status.RUNNING,
                says="Started" if first else "Going on",
                started_at=self.run.started_at or timezone.now(),
            )

    def rest(self, says: str, *, why: Run.Pause) -> None:
        """Pauses the run for a reason of its own, unless a person asked for something meanwhile."""
        with self.fenced():
            self.run.refresh_from_db()
            if self.obey():
                self.run.move(Run.Status.PAUSED, says=says, pause=why)

    def wait_at_gate(self, phase: str) -> None:
        needs = gates.readiness(self.pipeline, self.run, phase)
        short = [
            f"{need.table.rpartition('.')[2]} {need.found} of {need.needed}"
            for need in needs
            if not need.is_met
        ]
        says = f"{self.pipeline.phase(phase).label} starts by hand"
        if short:
            says += f"; not complete for its dates and lookback: {', '.join(short)}"
        self.rest(says, why=Run.Pause.GATE)

    # The next steps -------------------------------------------------------------------------------

    def next_steps(self) -> list[Step]:
        """The next pending steps that fit into one call."""
        pending = list(self.run.steps.pending().order_by("position")[: self.widest()])
        if not pending:
            return []
        table = self.pipeline.by_name.get(pending[0].table)
        if table is None or not table.job:
            self.skip_forgotten(pending[0].table)
            return self.next_steps()
        most = 1 if pending[0].attempts else planning.dates_a_call(table.job, self.run.batch)
        return list(self.fitting(table.job, pending, most))

    def widest(self) -> int:
        return max(
            [self.run.batch or 1, *(table.job.dates_a_call for table in self.pipeline.filled if table.job)]
        )

    def skip_forgotten(self, name: str) -> None:
        """A run may be older than the pipeline file, and have steps of a table that was renamed or removed."""
        says = f"{name} has no job in the pipeline file any more"
        self.skip(name, dict.fromkeys(self.run.steps.pending().filter(table=name), says))

    def fitting(self, job: Job, pending: Sequence[Step], most: int) -> Iterator[Step]:
        """Steps of one table; for a job that takes a range, without a date between them that is not a step."""
        previous: Step | None = None
        for step in pending[:most]:
            if previous and (step.table != previous.table or step.attempts):
                return
            if previous and (job.sql or job.dates == "range") and not self.adjacent(previous, step):
                return
            yield step
            previous = step

    def adjacent(self, one: Step, other: Step) -> bool:
        """Whether a range over both dates has no other expected date in it, and no summer between two seasons."""
        first, last = sorted((one.date, other.date))
        return one.season == other.season and not any(first < date < last for date in self.calendar)

    def skip_closed(self, table: Table, steps: list[Step]) -> list[Step]:
        """The steps whose inputs are complete. By the order of steps nobody will fill the others' inputs later."""
        reasons = gates.closed(table, [step.date for step in steps])
        closed = {step: reasons[step.date] for step in steps if step.date in reasons}
        if closed:
            self.skip(table.name, closed)
        return [step for step in steps if step not in closed]

    def skip(self, name: str, reasons: dict[Step, str]) -> None:
        """Decides steps of a table without a call; each has its reason."""
        dates = [step.date for step in reasons]
        with self.fenced():
            for step, reason in reasons.items():
                step.status, step.message, step.finished_at = Status.SKIPPED, reason, timezone.now()
            Step.objects.bulk_update(reasons, ["status", "message", "finished_at"])
            set_activity(name, dates, Partition.Activity.NONE, run_id=None)
            control.recall_failures(name, dates)
            self.record_table_end(name)

    def verify_complete(self, table: Table, steps: list[Step], before: dict[Key, Found]) -> list[Step]:
        """The steps that need a call. What a worker that died, or anybody else, completed meanwhile does not."""
        if self.run.reprocess == Run.Reprocess.ALL:
            return steps
        done = [step for step in steps if before[step.table, step.date].is_complete]
        if done:
            found = [before[step.table, step.date] for step in done]
            with self.fenced():
                scanning.remember(found)
                for step, each in zip(done, found, strict=True):
                    step.rows_before = step.rows_after = each.rows
                    step.state_after = str(each.verdict.state)
                    step.status, step.message, step.signature = Status.SUCCEEDED, "", ""
                    step.finished_at = timezone.now()
                Step.objects.bulk_update(
                    done,
                    [
                        "rows_before",
                        "rows_after",
                        "state_after",
                        "status",
                        "message",
                        "signature",
                        "finished_at",
                    ],
                )
                dates = [step.date for step in done]
                set_activity(table.name, dates, Partition.Activity.NONE, run_id=None)
                self.record_table_end(table.name)
        return [step for step in steps if step not in done]

    # Before, call, after --------------------------------------------------------------------------

    def look_before(self, table: Table, steps: list[Step]) -> dict[Key, Found]:
        """What is there before the call: from the look after the last one, if that saw these partitions."""
        keys = [(step.table, step.date) for step in steps]
        if not keys:
            return {}
        if all(key in self.seen for key in keys):
            return {key: self.seen[key] for key in keys}
        return self.look({table.name: [step.date for step in steps]})

    def look_after(self, table: Table, steps: list[Step]) -> dict[Key, Found]:
        """What is there after the call, and in the same question what is there before the next one."""
        wanted = {table.name: [step.date for step in steps]}
        for step in self.next_steps():
            wanted.setdefault(step.table, []).append(step.date)
        self.seen = self.look(wanted)
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

    def claim(self, table: Table, steps: list[Step], before: dict[Key, Found]) -> Attempt:
        """Takes the steps, in one transaction with the attempt that is about to be made."""
        dates = [step.date for step in steps]
        with self.fenced():
            number = (self.run.attempts.aggregate(last=Max("number"))["last"] or 0) + 1
            assert table.job
            call = jobs.prepare(self.pipeline, table.job, dates, run=self.run.pk, attempt=number)
            attempt = self.run.attempts.create(
                number=number,
                table=table.name,
                dates=[str(date) for date in dates],
                lease=self.keeper.lease,
                argv=list(call.argv),
                cwd=str(call.cwd),
                environment=call.shown_environment,
            )
            for step in steps:
                step.rows_before = before[step.table, step.date].rows
                step.status, step.attempt = Status.RUNNING, attempt
                step.attempts += 1
            Step.objects.bulk_update(steps, ["rows_before", "status", "attempt", "attempts"])
            set_activity(table.name, dates, Partition.Activity.RUNNING, run_id=self.run.pk)
        return attempt

    def call(self, table: Table, job: Job, steps: list[Step], attempt: Attempt) -> Outcome:
        dates = [step.date for step in steps]
        call = jobs.prepare(self.pipeline, job, dates, run=self.run.pk, attempt=attempt.number)
        if call.sql:
            return jobs.run_sql(
                call,
                attempt.log_path,
                warehouse=self.warehouse,
                start=min(dates),
                end=max(dates),
                timeout=job.timeout,
                stopped=self.keeper.must_stop,
            )

        def started(pid: int, at: float) -> None:
            Attempt.objects.filter(pk=attempt.pk).update(pid=pid, pid_started=at)

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
        found = [after[step.table, step.date] for step in steps]
        said = failures.messages(attempt.log_path, [step.date for step in steps])
        units = sum(step.units for step in steps) or 1
        for step, each in zip(steps, found, strict=True):
            step.seconds = seconds * step.units / units
            self.settle(step, before[step.table, step.date], each, said.get(step.date, ""), outcome, table)
        with self.fenced():
            scanning.remember(found)
            Step.objects.bulk_update(
                steps,
                ["status", "message", "signature", "rows_after", "state_after", "seconds", "finished_at"],
            )
            self.show_activity(table, steps)
            Attempt.objects.filter(pk=attempt.pk).update(
                status=ended(outcome),
                exit_status=outcome.exit_status,
                finished_at=timezone.now(),
                message=outcome.error,
            )
            self.record_table_end(table.name)

    def settle(
        self, step: Step, before: Found, found: Found, said: str, outcome: Outcome, table: Table
    ) -> None:
        """Writes into the step what the data says of it."""
        assert table.job
        step.rows_after, step.state_after = found.rows, str(found.verdict.state)
        step.finished_at = timezone.now()
        if found.is_complete and ((outcome.is_clean and not said) or changed(before, found)):
            step.status, step.message, step.signature = Status.SUCCEEDED, "", ""
            return
        step.message = why(found, said, outcome, table.job)
        step.signature = failures.signature(step.message)
        step.status = Status.PENDING if step.attempts < table.job.attempts else Status.FAILED

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
                Partition.objects.filter(table=step.table, date=step.date).update(seconds=step.seconds)

    def put_back(self, attempt: Attempt, **facts: Any) -> None:
        """A call of which nobody can say what it did decides nothing: its steps are pending again, and it does
        not count against them."""
        with self.fenced():
            put_back(attempt, **facts)
        self.seen = {}

    def record_table_end(self, name: str) -> None:
        """A line in the timeline when a table has no step left."""
        steps = self.run.steps.filter(table=name)
        if steps.unfinished().exists():
            return
        verified = steps.filter(status=Status.SUCCEEDED).count()
        self.run.record("table", f"{name.rpartition('.')[2]} verified on {verified} of {steps.count()}")

    # How it ends ----------------------------------------------------------------------------------

    def finish(self) -> None:
        """Every step is decided: the run succeeded if, and only if, every one is verified."""
        total = self.run.steps.count()
        verified = self.run.steps.filter(status=Status.SUCCEEDED).count()
        ended: dict[str, Any] = {
            "finished_at": timezone.now(),
            "coverage_after": control.snapshot(self.pipeline),
        }
        with self.fenced():
            if verified == total:
                self.run.move(Run.Status.SUCCEEDED, says=f"All {total:,} steps verified", **ended)
            else:
                says = f"{verified:,} of {total:,} steps verified, {total - verified:,} not"
                self.run.move(Run.Status.FAILED, says=says, **ended)

    def broke_off(self) -> bool:
        """Pauses a run that only collects failures; True where it did."""
        steps = self.run.steps.exclude(finished_at=None).filter(status__in=(Status.FAILED, Status.SUCCEEDED))
        if self.run.resumed_at:
            steps = steps.filter(finished_at__gt=self.run.resumed_at)
        most = self.run.stop_after_failures
        last = list(steps.order_by("-finished_at", "-position").values_list("status", "signature")[:most])
        if (
            len(last) == most
            and len({signature for _, signature in last}) == 1
            and last[0][0] == Status.FAILED
        ):
            return self.break_off(f"{most} failures in a row say the same: {last[0][1]}")
        if last and last[0][0] == Status.FAILED:
            decided, failed = steps.count(), steps.filter(status=Status.FAILED).count()
            if decided >= HALF_OF and 2 * failed >= decided:
                return self.break_off(f"{failed} of {decided} steps failed")
        return False

    def break_off(self, says: str) -> bool:
        if not self.run.steps.unfinished().exists():
            return False  # nothing is left that stopping could save
        self.rest(says, why=Run.Pause.FAILURES)
        return True

    @contextmanager
    def fenced(self) -> Iterator[None]:
        """A transaction in which only the holder of the lease writes."""
        with transaction.atomic():
            if not keeper.holds(self.run, self.keeper.lease):
                raise Fenced
            yield


def ended(outcome: Outcome) -> Attempt.Status:
    if outcome.timed_out:
        return Attempt.Status.TIMED_OUT
    return Attempt.Status.NOT_STARTED if outcome.exit_status is None else Attempt.Status.ENDED


def changed(before: Found, found: Found) -> bool:
    """Whether the call made the date what it is: only then a call that broke off, or complained, is believed."""
    return not before.is_complete or before.count != found.count


def why(found: Found, said: str, outcome: Outcome, job: Job) -> str:
    """Why a step is not verified: what stopped the call, else what the job said, else what the data shows."""
    if outcome.error and not said:
        return outcome.error
    if outcome.timed_out:
        return f"timed out: the call took longer than {job.timeout} s"
    if said:
        return said
    opinion = f"the job ended with exit status {outcome.exit_status}"
    if found.verdict.state == Partition.State.MISSING:
        return f"{opinion}, but wrote no rows"
    if found.is_complete:
        return f"{opinion}, and the date is as it was before"
    return f"{found.verdict.state}: {found.verdict.reason or opinion}"


def put_back(attempt: Attempt, *, status: Attempt.Status, **facts: Any) -> None:
    """The attempt's undecided steps are pending again; call it in a transaction."""
    steps = attempt.steps.filter(status=Status.RUNNING)
    set_activity(
        attempt.table,
        list(steps.values_list("date", flat=True)),
        Partition.Activity.QUEUED,
        run_id=attempt.run_id,
    )
    steps.update(status=Status.PENDING, attempts=F("attempts") - 1)
    Attempt.objects.filter(pk=attempt.pk, status=Attempt.Status.RUNNING).update(
        status=status, finished_at=timezone.now(), **facts
    )


def recover(run: Run, lease: str) -> None:
    """Cleans up after a worker that died: ends its orphan, and makes its steps pending again."""
    for attempt in run.attempts.filter(status=Attempt.Status.RUNNING).exclude(lease=lease):
        if attempt.pid and jobs.end_orphan(attempt.pid, attempt.pid_started or 0):
            log.warning("run %s: ended attempt %s, which outlived its worker", run.pk, attempt.number)
        with transaction.atomic():
            if not keeper.holds(run, lease):
                raise Fenced
            put_back(attempt, status=Attempt.Status.LOST)
            run.record("lost", f"A worker died during attempt {attempt.number}; its dates are pending again")
            give_up_deadly_steps(run, attempt)


def give_up_deadly_steps(run: Run, attempt: Attempt) -> None:
    """A step that lost its worker several times would do so for ever."""
    lost = [
        date
        for dates in run.attempts.filter(table=attempt.table, status=Attempt.Status.LOST).values_list(
            "dates", flat=True
        )
        for date in dates
    ]
    deadly = [date for date in set(lost) if lost.count(date) >= LOST_TIMES]
    steps = run.steps.pending().filter(table=attempt.table, date__in=deadly)
    dates = list(steps.values_list("date", flat=True))
    if dates:
        message = f"its worker died {LOST_TIMES} times while performing it"
        steps.update(
            status=Status.FAILED,
            message=message,
            signature=failures.signature(message),
            finished_at=timezone.now(),
        )
        set_activity(attempt.table, dates, Partition.Activity.FAILED, run_id=run.pk)
        run.record("failed steps", f"{attempt.table} gave up on {in_words(dates)}: {message}")


def perform(
    run_id: int,
    pipeline: Pipeline,
    *,
    lease: str,
    until: float | None = None,
    warehouse: Warehouse | None = None,
) -> bool:
    """Performs a run whose lease the caller took; True where there is more to do after `until` (monotonic seconds)."""
    run = Run.objects.get(pk=run_id)
    try:
        with Keeper(run_id, lease) as kept:
            recover(run, lease)
            runner = Runner(run, pipeline, warehouse or scanning.open_warehouse(pipeline), kept)
            return advance_until(runner, until)
    except Fenced:
        log.warning("run %s: another worker performs it by now", run_id)
    except IllegalMove as refusal:
        log.info("run %s: somebody was quicker: %s", run_id, refusal)
    return False


def advance_until(runner: Runner, until: float | None) -> bool:
    more = True
    try:
        while more and (until is None or time.monotonic() < until):
            more = runner.advance()
    except WarehouseError as error:
        # Nobody's dates failed: the run rests until a scan was answered, or a person goes on.
        runner.rest(f"The warehouse does not answer: {error}", why=Run.Pause.WAREHOUSE)
        return False
    return more
