"""`manage.py plan`: what a launch would do, and why it would leave the rest."""

from __future__ import annotations

import json
import shlex
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from rich.console import Console

from apps.pipeline import arguments, definition
from apps.pipeline.arguments import terminal
from apps.pipeline.definition import Pipeline
from apps.runs import planning
from apps.runs.management import taking
from apps.runs.models import Run
from apps.runs.planning import Plan, PlanRefused
from apps.runs.words import count, duration_range


class Command(BaseCommand):
    help = "Shows the steps of a backfill without launching it. Exit 0, or 2 for wrong arguments."

    def add_arguments(self, parser: CommandParser) -> None:
        add_plan_arguments(parser)
        arguments.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        pipeline = definition.current()
        try:
            plan = planning.plan(pipeline, selection(pipeline, options))
        except PlanRefused as error:
            self.stderr.write(str(error))
            sys.exit(2)
        if options["json"]:
            self.stdout.write(json.dumps(as_json(plan)))
        else:
            show(terminal(self.stdout), plan, pipeline)


def add_plan_arguments(parser: CommandParser) -> None:
    arguments.add_selection(parser)
    taking.add_reprocess(parser)
    parser.add_argument("--order", choices=Run.Order.values, default=Run.Order.OLDEST)
    parser.add_argument("--batch", type=int, help="dates a call, instead of the pipeline file's")


def selection(pipeline: Pipeline, options: dict[str, Any]) -> planning.Selection:
    return planning.select(
        pipeline,
        **arguments.selected(options),
        reprocess=options["reprocess"],
        order=options["order"],
        batch=options["batch"],
    )


def as_json(plan: Plan) -> dict[str, Any]:
    return {"steps": len(plan), "by_table": plan.by_table, "left_out": plan.left_out_counts}


def show(console: Console, plan: Plan, pipeline: Pipeline) -> None:
    said = f"{count(len(plan), 'step')}: {plan.title(pipeline)}" if plan.steps else plan.why_nothing
    console.print(said, style="bold", markup=False)
    if likely := planning.seconds_range(plan):
        console.print(f"Likely takes {duration_range(*likely)}", markup=False)
    for name, number in plan.by_table.items():
        console.print(f"  {number:>6,}  {name}", markup=False)
    if plan.left_out:
        console.print("Left out:", style="bold")
    for reason, number, dates in plan.left_out_ranges:
        console.print(f"  {number:>6,}  {reason} ({dates})", markup=False, highlight=False)
    for table, call in plan.calls(pipeline):
        console.print(f"{table.short_name}, first call, in {call.cwd}:", style="bold", markup=False)
        console.print(f"  {shlex.join(call.shown_argv)}", markup=False, highlight=False, soft_wrap=True)
