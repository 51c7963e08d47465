"""`manage.py backfill`: launches a run; can wait for it, or perform it in this process."""

from __future__ import annotations

import signal
import sys
import time
from typing import Any, NoReturn

from django.core.management.base import CommandParser
from django.utils import timezone
from rich.console import Console

from apps import timing
from apps.cli.management.commands.plan import add_plan_arguments, selection, show
from apps.cli.pipeline_command import WRONG_ARGUMENTS, PipelineCommand, shell_user
from apps.pipeline import arguments, definition
from apps.pipeline.arguments import terminal
from apps.pipeline.definition import Pipeline
from apps.runs import control
from apps.runs.control import LaunchRefused
from apps.runs.engine import runner
from apps.runs.estimates import billing
from apps.runs.failures import failure_groups
from apps.runs.models import Run, Step, leases
from apps.runs.plans import planning
from apps.runs.plans.options import Options
from apps.runs.plans.plan import Plan
from apps.runs.results import discrepancies, outcomes, redos
from apps.runs.results.outcomes import Counts
from apps.text import count, date_ranges
from apps.workers import stopping
from apps.workers.models import Worker

DONE, FAILURES_LEFT, WAITING_FOR_A_PERSON = 0, 1, 3
INTERRUPTED = 130  # the exit status of shells after Ctrl-C


class Command(PipelineCommand):
    help = (
        "Fills gaps. Exit 0 all steps verified, 1 failures left, 2 wrong arguments, 3 waiting for a person."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_plan_arguments(parser)
        parser.add_argument("--note", default="", help="the reason, stored with the run")
        parser.add_argument(
            "--although-not-ready",
            default="",
            metavar="WHY",
            help="launch although the pre-flight is not ready",
        )
        parser.add_argument("--yes", action="store_true", help="do not ask before launching")
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--wait", action="store_true", help="wait for the end; a worker performs the run")
        how.add_argument(
            "--here", action="store_true", help="perform the run in this process, without a worker"
        )
        arguments.add_json(parser)

    def perform(self, pipeline: Pipeline, options: dict[str, Any]) -> None:
        console = terminal(self.stdout, quiet=options["json"])
        plan = planning.plan(pipeline, selection(pipeline, options))
        if plan.steps and not options["yes"]:
            self.ask(console, plan, pipeline, quiet=options["json"])
        try:
            run = control.launch(
                plan,
                pipeline,
                by=shell_user(),
                note=options["note"],
                options=Options(override=options["override"].strip()),
                unready=options["although_not_ready"],
                queued=not options["here"],
            )
        except LaunchRefused as refusal:
            self.refuse(refusal, is_complete=plan.is_complete_already, as_json=options["json"])
        console.print(f"Run {run.pk}: {run.title}, {count(len(plan.steps), 'step')}", style="bold")
        interrupted = False
        if options["here"]:
            interrupted = perform_here(run, pipeline)
        elif options["wait"]:
            wait(run, console)
        run.refresh_from_db()
        if options["json"]:
            self.write_json(result(run))
        else:
            show_result(console, run)
        if interrupted and run.is_active:
            self.stderr.write(
                f"Interrupted. Run {run.pk} is not over: a worker goes on with it, if one is alive."
            )
            sys.exit(INTERRUPTED)
        sys.exit(exit_status(run) if options["here"] or options["wait"] else DONE)

    def ask(self, console: Console, plan: Plan, pipeline: Pipeline, *, quiet: bool) -> None:
        if quiet or not sys.stdin.isatty():
            self.stderr.write("No terminal to confirm on; add --yes to launch without asking.")
            sys.exit(WRONG_ARGUMENTS)
        show(console, plan, pipeline)
        if input("Launch? [y/N] ").strip().lower() not in ("y", "yes"):
            self.stderr.write("Nothing was launched.")
            sys.exit(WRONG_ARGUMENTS)

    def refuse(self, refusal: LaunchRefused, *, is_complete: bool, as_json: bool) -> NoReturn:
        """Nothing was launched, which is no error if all selected dates are complete."""
        if as_json:
            self.write_json(no_result(refusal, is_complete=is_complete))
        if not as_json or not is_complete:
            (self.stdout if is_complete else self.stderr).write(str(refusal))
        sys.exit(DONE if is_complete else WRONG_ARGUMENTS)


def perform_here(run: Run, pipeline: Pipeline) -> bool:
    """Performs the run until it ends or pauses; True if Ctrl-C or TERM interrupted it."""
    with stopping.on_signal(signal.SIGINT, signal.SIGTERM):
        lease = leases.take(run.pk)
        if lease:
            try:
                runner.perform(run.pk, pipeline, lease=lease)
            finally:
                leases.release(run.pk, lease)
        return stopping.stop_requested()


def wait(run: Run, console: Console) -> None:
    """Waits until the run ends or waits for a person."""
    if not Worker.objects.alive(timezone.now()).filter(cluster="runs").exists():
        console.print(
            "No worker is alive: nothing happens until `manage.py serve` starts one.", style="yellow"
        )
    with console.status("waiting for a worker") as status:
        while run.is_active:
            time.sleep(timing.RUN_WATCHED_EVERY)
            run.refresh_from_db()
            now = outcomes.of_run(run)
            said = f"{now.failed:,} failed, {now.skipped:,} skipped"
            status.update(f"{run.status}: {now.verified:,} of {now.total:,} verified, {said}")


def exit_status(run: Run) -> int:
    if run.status == Run.Status.SUCCEEDED:
        return DONE
    return WAITING_FOR_A_PERSON if run.is_paused else FAILURES_LEFT


def result(run: Run) -> dict[str, Any]:
    """How the run ended; what does not apply to it has no key."""
    now = outcomes.of_run(run)
    found = {
        "run": run.pk,
        "status": run.status,
        "succeeded": now.verified,
        "failed": now.failed,
        "skipped": now.skipped,
        "cancelled": now.cancelled,
        "left": now.unfinished,
        "message": run.message,
        "signatures": control.summary(run.steps.failed()),
        "skips": control.summary(outcomes.skipped(run)),
    }
    if notes := discrepancies.notes(run, verified=now.verified):
        found["notes"] = notes
    if despite := discrepancies.verified_despite(run):
        found["verified_despite"] = despite
    if (coverage := discrepancies.after_run(run, verified=now.verified)).differs:
        found["complete_now"] = coverage.as_json()
    if rework := redos.rework_of(run):
        found["done_again"] = {"text": rework.says, "tables": [vars(each) for each in rework.tables]}
    if run.override_reason:
        found["override"] = {"reason": run.override_reason, "by": run.overridden_by}
    if bill := billing.bill_of(run, definition.current()):
        found["billed"] = bill.as_json()
    return found


def no_result(refusal: LaunchRefused, *, is_complete: bool) -> dict[str, Any]:
    """The same keys without a run."""
    return {
        "run": None,
        "status": Run.Status.SUCCEEDED if is_complete else "refused",
        **dict.fromkeys(("succeeded", "failed", "skipped", "cancelled", "left"), 0),
        "message": str(refusal),
        "left_out": refusal.left_out,
        "signatures": [],
        "skips": [],
    }


def not_verified(now: Counts) -> str:
    return f", {now.not_verified:,} not: {now.why_not_verified}" if now.not_verified else ""


def show_result(console: Console, run: Run) -> None:
    now = outcomes.of_run(run)
    console.print(
        f"{run.get_status_display()}: {now.verified:,} of {now.total:,} steps verified{not_verified(now)}",
    )
    if run.message:
        console.print(run.message)
    if run.override_reason:
        said = f"Gates overridden by {run.overridden_by}: {run.override_reason}"
        console.print(said, style="yellow")
    for note in discrepancies.notes(run, verified=now.verified):
        console.print(note, style="yellow")
    if rework := redos.rework_of(run):
        console.print(f"Done again: {rework.says}")
    if bill := billing.bill_of(run, definition.current()):
        console.print(f"Billed {bill.says}")
    for group in failure_groups.grouped([*run.steps.failed(), *outcomes.skipped(run)]):
        style = "red" if group.steps[0].status == Step.Status.FAILED else "yellow"
        console.print(f"  {group.count} x {group.signature}", style=style)
        console.print(f"      {', '.join(group.tables)}: {date_ranges(group.dates)}")
