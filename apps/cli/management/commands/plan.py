"""`manage.py plan`: the steps of a launch, and why every other date is left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.core.management.base import CommandParser
from rich.console import Console

from apps.cli import reprocess_option
from apps.cli.pipeline_command import PipelineCommand
from apps.pipeline import arguments, definition
from apps.pipeline.arguments import terminal
from apps.pipeline.definition import Pipeline
from apps.runs.dependencies import downstream
from apps.runs.estimates.eta import Estimate
from apps.runs.models import Run
from apps.runs.pages import launch_plan
from apps.runs.pages.launch_plan import ShownCall
from apps.runs.plans import forecasts, planning, selections
from apps.runs.plans.forecasts import Forecast
from apps.runs.plans.plan import Plan
from apps.text import count


class Command(PipelineCommand):
    help = "Shows the steps of a backfill without launching it. Exit 0, or 2 for wrong arguments."

    def add_arguments(self, parser: CommandParser) -> None:
        add_plan_arguments(parser)
        arguments.add_json(parser)

    def perform(self, pipeline: Pipeline, options: dict[str, Any]) -> None:
        plan = planning.plan(pipeline, selection(pipeline, options))
        if options["json"]:
            self.write_json(as_json(plan, pipeline))
        else:
            show(terminal(self.stdout), plan, pipeline)


def add_plan_arguments(parser: CommandParser) -> None:
    arguments.add_selection(parser)
    reprocess_option.add_reprocess(parser)
    parser.add_argument("--order", choices=Run.Order.values, default=Run.Order.OLDEST)
    parser.add_argument("--batch", type=int, help="dates a call, instead of the pipeline file's")
    parser.add_argument(
        "--override",
        default="",
        metavar="WHY",
        help="include steps whose inputs are missing, and start them; the reason stays with the run",
    )


def selection(pipeline: Pipeline, options: dict[str, Any]) -> selections.Selection:
    return selections.select(
        pipeline,
        **arguments.selected(options),
        reprocess=options["reprocess"],
        order=options["order"],
        batch=options["batch"],
        through_gaps=bool(options["override"].strip()),
    )


def as_json(plan: Plan, pipeline: Pipeline) -> dict[str, Any]:
    found = {
        "steps": len(plan.steps),
        "by_table": plan.by_table,
        "left_out": plan.left_out_counts,
        "likely": likely(planning.estimate(plan, pipeline)),
        **reprocess_option.behind_gaps(plan),
    }
    if plan.waits_for:
        found["waits_for"] = plan.waits_for
    if left := downstream.readers_left(plan.partitions, plan.calendar, pipeline):
        found["readers_left"] = {name: list(map(str, dates)) for name, dates in left.dates.items()}
    if forecast := forecasts.forecast_of(plan, pipeline):
        found["forecast_bytes"] = forecast.whole
    found["calls"] = [call_as_json(call) for call in launch_plan.shown_calls(plan, pipeline)]
    return found


def likely(estimate: Estimate) -> dict[str, Any]:
    """Seconds of work as a range, null if unknown; and the same until a person has to act."""
    stop = {"before": estimate.stop.name, "seconds": estimate.to_stop} if estimate.stop else None
    return {"seconds": estimate.seconds_range, "not_known": estimate.unknown, "to_stop": stop}


def call_as_json(call: ShownCall) -> dict[str, Any]:
    """The first call of a table, with secrets masked."""
    return {
        "table": call.table.name,
        "command": call.command,
        "folder": call.folder,
        "environment": dict(call.environment),
    }


def show(console: Console, plan: Plan, pipeline: Pipeline) -> None:
    said = f"{count(len(plan.steps), 'step')}: {plan.title(pipeline)}" if plan.steps else plan.why_nothing
    console.print(said, style="bold")
    for line in takes(planning.estimate(plan, pipeline)) if plan.steps else ():
        console.print(line)
    for line in bill(forecasts.forecast_of(plan, pipeline)):
        console.print(line)
    for name, number in plan.by_table.items():
        console.print(f"  {number:>6,}  {name}")
    if plan.left_out:
        console.print("Left out:", style="bold")
    for reason, number, dates in plan.left_out_ranges:
        console.print(f"  {number:>6,}  {reason} ({dates})")
    for line in behind(plan):
        console.print(line)
    if left := downstream.readers_left(plan.partitions, plan.calendar, pipeline):
        console.print(left.sentence)
    for each in launch_plan.overlaps(plan):
        console.print(f"{each.who} is about to fill {each.count:,} of these.")
    for call in launch_plan.shown_calls(plan, pipeline):
        show_call(console, call)


def takes(estimate: Estimate) -> Iterator[str]:
    """The estimated time, in the words of the launch form."""
    told = in_short(estimate.by_run_history)
    yield f"Likely takes {estimate.in_words}{f' ({told}: from the run history)' if told else ''}"
    if estimate.stop:
        yield f"  {estimate.to_stop_in_words}"


def behind(plan: Plan) -> Iterator[str]:
    """The causes that block steps, and the runs to wait for, in the words of the launch form."""
    if plan.blocked.steps and plan.selection.through_gaps:
        yield f"Without --override {plan.blocked.sentence}."
    elif plan.blocked.steps:
        yield f"{plan.blocked.sentence}."
    for run, number in plan.waits_for.items():
        yield f"Run {run} is about to write {count(number, 'date')} that these steps read; they wait for it."


def bill(forecast: Forecast | None) -> Iterator[str]:
    """What the plan's SQL jobs would bill, in the words of the launch form; empty if the warehouse bills nothing."""
    if forecast is None:
        return
    if forecast.estimates:
        least = "at least " if forecast.unknown else ""
        yield f"Would bill {least}{forecast.in_words}, by dry runs of pre-flight {forecast.oldest.pk}"
    if forecast.unknown:
        yield f"Not known what {in_short(forecast.unknown)} would bill: run a pre-flight to learn it"
    if forecast.programs:
        yield f"Not estimable what {in_short(forecast.programs)} would bill: the job is a program"


def in_short(tables: Iterable[str]) -> str:
    return ", ".join(definition.short_name(table) for table in tables)


def show_call(console: Console, call: ShownCall) -> None:
    console.print(f"{call.table.short_name}, first call, in {call.folder}:", style="bold")
    added = [f"{name}={value}" for name, value in call.environment]
    for line in (call.command, *(f"with {each}" for each in added)):
        console.print(f"  {line}", soft_wrap=True)
