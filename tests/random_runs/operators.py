"""An operator who does things in a row to such a world, through the same verbs as pages and commands."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.db import transaction
from django.utils import timezone

from apps.coverage.accepted import accepting
from apps.coverage.accepted.accepting import Acceptance, AlreadyWithdrawn, CannotAccept
from apps.coverage.models import AcceptedGap, Partition, Scan
from apps.coverage.scanning import full_scan, warehouses
from apps.runs import control
from apps.runs.control import LaunchRefused
from apps.runs.dependencies import gates
from apps.runs.engine import pausing, recovery, runner
from apps.runs.engine.lane_context import LaneContext
from apps.runs.engine.lease_heartbeat import LeaseHeartbeat
from apps.runs.failures import failure_groups
from apps.runs.models import IllegalMove, Lane, Run, Step, leases
from apps.runs.models.leases import LeaseLost
from apps.runs.plans import planning, selections
from apps.runs.plans.plan import Plan
from apps.runs.plans.selections import PlanRefused
from apps.warehouse.base import WarehouseError
from tests.random_runs.oracle import Cell, Oracle
from tests.random_runs.world import Killed, World

REFUSALS = (LaunchRefused, PlanRefused, IllegalMove, CannotAccept, AlreadyWithdrawn)
PATIENCE = 12  # times that a run is resumed at the end, before it is cancelled


class Untrue(AssertionError):
    """The console said of the world what is not so."""


class Operator:
    """Does one verb after the other, and looks after each whether what the console says is true."""

    def __init__(self, world: World):
        self.world = world
        self.done: list[str] = []
        self.accepted: dict[Cell, int] = {}
        self.judged: set[int] = set()
        self.too_early: set[Cell] = set()
        self.seen_complete: dict[Cell, dt.datetime] = {}
        world.watch, world.before, world.launch = (
            self.note_complete,
            self.look_at_order,
            self.launch_meanwhile,
        )

    # Verbs ----------------------------------------------------------------------------------------

    def do(self, verb: str, *words: int | str) -> None:
        self.done.append(" ".join(map(str, (verb, *words))))
        with suppress(*REFUSALS):
            getattr(self, verb)(*words)
        self.note_complete()
        self.look_at_runs()
        self.must(not self.too_early, "read before the run had decided on it", self.too_early)

    def scan(self) -> None:
        row = Scan.objects.create()
        with suppress(WarehouseError):
            full_scan.scan(self.world.pipeline, warehouses.open_warehouse(self.world.pipeline), row)

    def launch(self, mode: str, tables: int, calls: int) -> None:
        """`tables` is a set of bits; 0 calls for as many as it takes."""
        chosen = [name for number, name in enumerate(self.world.names) if tables >> number & 1]
        selection = selections.select(self.world.pipeline, tables=chosen, reprocess=mode)
        self.perform(self.launched(planning.plan(self.world.pipeline, selection)), calls)

    def launch_meanwhile(self) -> None:
        """Somebody launches a run of everything while a call of another one is under way."""
        with suppress(*REFUSALS):
            self.launched(
                planning.plan(self.world.pipeline, selections.select(self.world.pipeline, reprocess="all"))
            )

    def launched(self, plan: Plan) -> Run:
        return control.launch(plan, self.world.pipeline, by="olga", queued=False)

    def go_on(self, number: int, calls: int) -> None:
        self.resume(self.run(number, unfinished=True), calls)

    def pause(self, number: int) -> None:
        control.pause(self.run(number, unfinished=True), by="olga")

    def cancel(self, number: int) -> None:
        control.cancel(self.run(number, unfinished=True), by="olga")

    def retry(self, number: int, calls: int) -> None:
        run = self.run(number, unfinished=False)
        selection = selections.select_partitions(self.world.pipeline, failure_groups.to_retry(run))
        self.perform(self.launched(planning.plan(self.world.pipeline, selection)), calls)

    def accept(self, table: int, day: int, days: int) -> None:
        name, start = self.world.names[table % len(self.world.names)], self.date(day)
        wish = Acceptance((self.world.pipeline.table(name),), start, start + dt.timedelta(days=days))
        gap = accepting.accept(wish, reason="known", by="olga")
        for cell in Partition.objects.filter(acceptance=gap).values_list("table", "date"):
            self.accepted[cell] = gap.pk

    def withdraw(self, number: int) -> None:
        gaps = list(AcceptedGap.objects.order_by("id"))
        if gaps:
            gap = gaps[number % len(gaps)]
            accepting.withdraw(gap, by="olga")
            self.accepted = {cell: pk for cell, pk in self.accepted.items() if pk != gap.pk}

    def calendar(self, day: int) -> None:
        self.world.toggle_calendar(self.date(day))

    def lose(self, table: int, day: int) -> None:
        """Somebody deletes a date, whatever runs are under way."""
        self.world.lose(self.world.names[table % len(self.world.names)], self.date(day))

    def rewrite(self, table: int, day: int) -> None:
        """Somebody writes a date anew, all of it, with what it should have."""
        self.world.write(self.world.names[table % len(self.world.names)], self.date(day))

    def open_gate(self, number: int, calls: int) -> None:
        run = self.run(number, unfinished=True)
        self.start_phase(run)
        self.perform(run, calls)

    def away(self, verb: str) -> None:
        """The warehouse is away for one scan, or for what a run does meanwhile."""
        with self.warehouse_away():
            self.scan() if verb == "scan" else self.go_on(0, 1)

    # What they are made of --------------------------------------------------------------------------

    @contextmanager
    def warehouse_away(self) -> Iterator[None]:
        self.world.release_lane()
        watch, self.world.watch = self.world.watch, lambda: None
        try:
            yield
        finally:
            self.world.come_back()
            self.world.watch = watch

    def date(self, day: int) -> dt.date:
        return self.world.dates[day % len(self.world.dates)]

    def run(self, number: int, *, unfinished: bool) -> Run:
        wanted = Run.UNFINISHED if unfinished else (Run.Status.FAILED, Run.Status.CANCELLED)
        runs = list(Run.objects.filter(status__in=wanted).order_by("id"))
        if not runs:
            raise IllegalMove("There is none.")
        return runs[number % len(runs)]

    def start_phase(self, run: Run) -> None:
        if phase := gates.waiting_phase(run):
            control.start_phase(run, phase, by="olga")

    def resume(self, run: Run, calls: int) -> None:
        if run.is_paused:
            control.resume(run, by="olga", reason="go on")
        self.perform(run, calls)

    def perform(self, run: Run, calls: int) -> None:
        """A worker that performs the run, for some calls or until it pauses or ends; it may die meanwhile."""
        Lane.objects.filter(run=run).update(lease_until=None)
        lease = leases.take(run.pk)
        if lease is None:
            return
        most = run.attempts.count() + calls if calls else None
        self.world.stop = lambda: self.stop(run)
        try:
            with LeaseHeartbeat(run.pk, lease) as heartbeat:
                lane = LaneContext(Run.objects.get(pk=run.pk), self.world.pipeline, heartbeat)
                self.work(runner.Runner(lane, warehouses.open_warehouse(self.world.pipeline)), lease, most)
        except Killed:
            return  # and its lease runs out
        except (LeaseLost, IllegalMove):
            pass
        leases.release(run.pk, lease)

    def work(self, worker: runner.Runner, lease: str, most: int | None) -> None:
        run = worker.run
        try:
            recovery.recover(run, lease, worker.warehouse)
            while (most is None or run.attempts.count() < most) and worker.advance():
                pass
        except WarehouseError as error:
            pausing.request_wait_for_warehouse(worker.lane, error)
            pausing.release_lane(worker.lane)

    def stop(self, run: Run) -> None:
        with suppress(IllegalMove):
            control.stop(Run.objects.get(pk=run.pk), by="olga")

    def note_complete(self) -> None:
        """What was complete once is no accepted gap any more, and no failure of what was tried before."""
        now = timezone.now()
        for cell in Oracle(self.world).complete():
            self.accepted.pop(cell, None)
            self.seen_complete[cell] = now

    # Truth ----------------------------------------------------------------------------------------

    def end(self) -> None:
        """All runs to their end, a scan, and a look at everything that the console says."""
        tried: set[int] = set()  # a call of one may launch another
        while run := Run.objects.unfinished().exclude(pk__in=tried).order_by("id").first():
            tried.add(run.pk)
            for _ in range(PATIENCE):
                run.refresh_from_db()
                if run.is_finished:
                    break
                with suppress(*REFUSALS):
                    self.start_phase(run)
                with suppress(*REFUSALS):
                    self.resume(run, 0)
                self.look_at_runs()
            run.refresh_from_db()
            if not run.is_finished:
                with suppress(IllegalMove), transaction.atomic():
                    control.cancel(run, by="olga")
        self.scan()
        self.note_complete()
        self.look_at_coverage()
        self.look_at_failures()

    def look_at_runs(self) -> None:
        """A run that ended since the last look: each step that it says it verified holds now."""
        complete = None
        for run in Run.objects.exclude(status__in=Run.UNFINISHED).exclude(pk__in=self.judged):
            self.judged.add(run.pk)
            if run.status == Run.Status.CANCELLED:
                continue
            complete = complete if complete is not None else Oracle(self.world).complete()
            steps = {(step.table, step.date): step for step in run.steps.all()}
            undone = [cell for cell, step in steps.items() if step.status != Step.Status.SUCCEEDED]
            self.must(not (undone and run.status == Run.Status.SUCCEEDED), f"{run} succeeded without", undone)
            expected = Oracle(self.world).expected()
            said = {cell for cell, step in steps.items() if step.status == Step.Status.SUCCEEDED} & expected
            self.must(
                said <= complete, f"{run} ({run.message}) says verified, and incomplete are", said - complete
            )
            self.look_at_writing(run, [steps[cell] for cell in said])
            if run.status == Run.Status.SUCCEEDED:
                self.look_at_inputs(run, complete)

    def look_at_writing(self, run: Run, verified: list[Step]) -> None:
        """Where the rows say when they were written, a verified date was written since its run began."""
        oracle = Oracle(self.world)
        called = {
            (step.table, step.date)
            for step in verified
            if step.attempt_id and oracle.spec(step.table).written
        }
        old = {cell for cell in called if is_older(oracle.found[cell].written, run.started_at)}
        self.must(not old, f"{run} says verified, and nobody wrote", old)

    def look_at_order(self, run: str, table: str, dates: list[dt.date]) -> None:
        """As a call begins, its run has decided on everything that the call reads."""
        spec = self.world.specs[self.world.names.index(table)]
        back = dt.timedelta(days=spec.lookback)
        for place in spec.after:
            read = {day for date in dates for day in self.world.dates if date - back <= day <= date}
            undecided = Step.objects.filter(
                run_id=run, table=self.world.names[place], date__in=read, status__in=Step.UNFINISHED
            )
            self.too_early |= set(undecided.values_list("table", "date"))

    def look_at_inputs(self, run: Run, complete: set[Cell]) -> None:
        """What a run that succeeded read is still there, if it is called complete."""
        for spec in (self.world.specs[self.world.names.index(name)] for name in called_tables(run)):
            names = [self.world.names[place] for place in spec.after]
            dates = set(run.steps.values_list("date", flat=True))
            rows = Partition.objects.of(names).filter(date__in=dates, state=Partition.State.COMPLETE)
            gone = (set(rows.values_list("table", "date")) & Oracle(self.world).expected()) - complete
            self.must(not gone, f"{run} succeeded, and gone of what it read are", gone)

    def look_at_coverage(self) -> None:
        oracle = Oracle(self.world)
        cells = {
            (table, date): state
            for table, date, state in Partition.objects.of(self.world.names).values_list(
                "table", "date", "state"
            )
        }
        stale = {cell for cell, state in cells.items() if state == Partition.State.STALE}
        said = stale | {cell for cell, state in cells.items() if state == Partition.State.COMPLETE}
        self.must(said <= oracle.complete(), "called complete, and is not", said - oracle.complete())
        self.must(oracle.complete() <= said, "complete, and not called so", oracle.complete() - said)
        self.must(
            oracle.stale() <= stale, "older than an input, and not called stale", oracle.stale() - stale
        )
        self.must(stale <= oracle.may_be_stale(), "called stale, and is not", stale - oracle.may_be_stale())
        kept = {cell for cell in self.accepted if cell in oracle.expected()}
        lost = {cell for cell in kept if cells.get(cell) != Partition.State.ACCEPTED}
        self.must(not lost, "accepted, and no longer called so", lost)

    def look_at_failures(self) -> None:
        oracle = Oracle(self.world)
        last: dict[Cell, Step] = {}
        for step in Step.objects.filter(status__in=(Step.Status.FAILED, Step.Status.SUCCEEDED)).order_by(
            "id"
        ):
            last[step.table, step.date] = step
        accepted = set(Partition.objects.filter(state=Partition.State.ACCEPTED).values_list("table", "date"))
        failed = {
            cell
            for cell, step in last.items()
            if step.status == Step.Status.FAILED and not self.was_complete_since(cell, step.finished_at)
        }
        open_ones = (failed & oracle.expected()) - oracle.complete() - accepted
        listed = set(failure_groups.open_steps().values_list("table", "date"))
        self.must(open_ones <= listed, "failed, and listed nowhere", open_ones - listed)

    def was_complete_since(self, cell: Cell, moment: dt.datetime | None) -> bool:
        return moment is not None and cell in self.seen_complete and self.seen_complete[cell] > moment

    def must(self, is_so: bool, what: str, cells: object) -> None:
        if not is_so:
            raise Untrue(f"{what} {sorted(cells, key=str)}; after: {'; '.join(self.done)}")


def called_tables(run: Run) -> set[str]:
    return set(run.attempts.values_list("table", flat=True))


def is_older(written: dt.datetime | None, moment: dt.datetime | None) -> bool:
    return written is None or (moment is not None and written.replace(tzinfo=dt.UTC) < moment)
