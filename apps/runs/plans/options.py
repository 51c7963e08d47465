"""The options of a run: concurrency, canary, when it stops itself, whether gates count."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from apps.pipeline.definition import Pipeline
from apps.runs.models import Run
from apps.runs.plans.plan import Plan, PlannedStep
from apps.runs.plans.selections import PlanRefused
from apps.text import count

MOST_CANARY_DATES = 14


@dataclass(frozen=True)
class Options:
    """What a person chose. `canary` is a number of dates; `stop_at_percent` is 0 for never; `override` is a reason."""

    lanes: int = 1
    canary: int = 0
    stop_after_failures: int = 5
    stop_at_percent: int = 50
    override: str = ""

    def canary_dates(self, plan: Plan) -> list[dt.date]:
        """The first dates of the plan, in the run's order. PlanRefused if no other date would be left to release."""
        dates = list(dict.fromkeys(step.date for step in plan.steps))
        dates.sort(reverse=plan.selection.order == Run.Order.NEWEST)
        if self.canary and self.canary >= len(dates):
            raise PlanRefused(
                f"The plan has {count(len(dates), 'date')}, so a canary of {self.canary} would be all of it. "
                "Take fewer, or none.",
                about="canary",
            )
        return dates[: self.canary]


def check(options: Options, pipeline: Pipeline) -> Options:
    """Returns the options. PlanRefused with a sentence if one of them is not possible."""
    most = pipeline.warehouse.most_lanes
    if not 1 <= options.lanes <= most:
        raise PlanRefused(f"{options.lanes} lanes are not possible. {why_so_many(pipeline)}")
    if not 0 <= options.canary <= MOST_CANARY_DATES:
        raise PlanRefused(
            f"A canary has 1 to {MOST_CANARY_DATES} dates, or none; {options.canary} is not possible."
        )
    if not 1 <= options.stop_after_failures <= 1000:
        raise PlanRefused(
            f"{options.stop_after_failures} failures in a row are not possible; give 1 to 1000."
        )
    if not 0 <= options.stop_at_percent <= 100:
        raise PlanRefused(
            f"{options.stop_at_percent} % of the steps is not possible; give 1 to 100, or 0 for never."
        )
    return options


def why_so_many(pipeline: Pipeline) -> str:
    """How many lanes a run may have here, and why, as a sentence."""
    if pipeline.warehouse.most_lanes == 1:
        return "One lane: one process at a time may hold a DuckDB file."
    return f"1 to {pipeline.warehouse.most_lanes} lanes; each needs a worker of its own."


def in_order(steps: Sequence[PlannedStep], canary: Collection[dt.date]) -> list[PlannedStep]:
    """The canary's dates first, then the others, each in the plan's order."""
    first = set(canary)
    return sorted(steps, key=lambda step: step.date not in first)
