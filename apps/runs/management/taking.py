"""`--reprocess`, and for commands that launch nothing how much a plan would take in with it."""

from __future__ import annotations

from argparse import ArgumentParser

from apps.runs.models import Run
from apps.runs.planning import Plan
from apps.runs.words import count


def add_reprocess(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--reprocess",
        choices=Run.Reprocess.values,
        default=Run.Reprocess.FAILED,
        help="what a plan takes in: missing only, missing and failed (default), all",
    )


def as_number(plan: Plan) -> int | None:
    """How many partitions would be planned; None where nobody knows."""
    return len(plan) if plan.is_known else None


def in_words(plan: Plan) -> str:
    number = as_number(plan)
    if number is None:
        said = "unknown until the warehouse was scanned"
    elif plan.unknown:
        said = f"{number:,}, and {count(plan.unknown, 'partition')} unknown"
    else:
        said = f"{number:,}"
    return f"would be planned with --reprocess {plan.selection.reprocess}: {said}"
