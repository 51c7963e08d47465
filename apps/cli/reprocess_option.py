"""`--reprocess`, and how many partitions a plan with it would take."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from apps.runs.models import Run
from apps.runs.plans.plan import Plan
from apps.text import count


def add_reprocess(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--reprocess",
        choices=Run.Reprocess.values,
        default=Run.Reprocess.FAILED,
        help="which dates a plan takes: missing, missing and failed (default), all",
    )


def as_json(plan: Plan) -> dict[str, Any]:
    """How many partitions would be planned, null if unknown; and the steps that would be skipped, if any."""
    return {"to_plan": len(plan.steps) if plan.is_known else None, **behind_gaps(plan)}


def behind_gaps(plan: Plan) -> dict[str, Any]:
    """The steps that would be skipped because of gaps in their inputs, by cause; empty without any."""
    return {"behind_gaps": plan.blocked.as_json()} if plan.blocked.steps else {}


def plan_summary(plan: Plan) -> str:
    """ "would be planned with --reprocess failed: 12", and a line of what would be skipped."""
    said = f"{len(plan.steps):,}" if plan.is_known else "unknown until the warehouse was scanned"
    if plan.is_known and plan.unknown:
        said += f", and {count(plan.unknown, 'partition')} unknown"
    planned = f"would be planned with --reprocess {plan.selection.reprocess}: {said}"
    return f"{planned}\n{plan.blocked.sentence}" if plan.blocked.steps else planned
