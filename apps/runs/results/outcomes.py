"""The outcomes of a run's steps: the counts and reasons that pages, mails, commands and files share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet

from apps.pipeline import definition
from apps.runs.failures import failure_groups, signatures
from apps.runs.failures.failure_groups import FailureGroup
from apps.runs.models import Attempt, Run, Step

Status = Step.Status


@dataclass(frozen=True)
class Counts:
    """Steps by what became of them. Every step is in exactly one of the last six."""

    total: int
    verified: int
    failed: int
    skipped: int
    cancelled: int
    running: int
    pending: int

    @property
    def unfinished(self) -> int:
        return self.running + self.pending

    @property
    def not_verified(self) -> int:
        """Decided otherwise, or not decided yet."""
        return self.total - self.verified

    @property
    def why_not_verified(self) -> str:
        """ "12 failed, 3 skipped"; empty if all are verified."""
        numbers = (
            (self.failed, "failed"),
            (self.skipped, "skipped"),
            (self.cancelled, "cancelled"),
            (self.unfinished, "left"),
        )
        return ", ".join(f"{number:,} {word}" for number, word in numbers if number)

    @property
    def percent(self) -> int:
        """Verified of all, rounded down: 100 means every step."""
        return 100 * self.verified // self.total if self.total else 0

    @property
    def segments(self) -> list[tuple[str, int]]:
        """For a bar: state and count, in order."""
        return [
            ("complete", self.verified),
            ("failed", self.failed),
            ("accepted", self.skipped + self.cancelled),
            ("running", self.running),
            ("queued", self.pending),
        ]

    def bar(self, *, least: int = 0) -> list[dict[str, Any]]:
        """The segments but the last, which is the ground, in thousandths, rounded down; failed and running ones are at
        least that wide."""
        found, x = [], 0
        for state, number in self.segments[:-1]:
            share = 1000 * number // (self.total or 1)
            width = max(share, least) if number and state in ("failed", "running") else share
            found.append({"state": state, "x": min(x, 1000 - width), "width": width})
            x += share
        return [segment for segment in found if segment["width"]]


def counted(statuses: Mapping[str, int]) -> dict[str, int]:
    """Numbers of steps by status, as the fields of Counts."""
    return {
        "total": sum(statuses.values()),
        "verified": statuses.get(Status.SUCCEEDED, 0),
        "failed": statuses.get(Status.FAILED, 0),
        "skipped": statuses.get(Status.SKIPPED, 0),
        "cancelled": statuses.get(Status.CANCELLED, 0),
        "running": statuses.get(Status.RUNNING, 0),
        "pending": statuses.get(Status.PENDING, 0),
    }


def of_run(run: Run) -> Counts:
    """The run's steps, in one query."""
    rows = run.steps.order_by().values_list("status").annotate(Count("id"))
    return Counts(**counted(dict(rows)))


def of_runs(runs: Iterable[Run]) -> dict[int, Counts]:
    """The steps of each of these runs by its number, in one query."""
    statuses: dict[int, dict[str, int]] = {run.pk: {} for run in runs}
    rows = Step.objects.filter(run__in=statuses).order_by().values_list("run", "status")
    for run, status, number in rows.annotate(Count("id")):
        statuses[run][status] = number
    return {run: Counts(**counted(found)) for run, found in statuses.items()}


def introduced(run: Run, counts: Counts) -> str:
    """ "Run 5 (Phase 3, launched by olga, running, 12 of 60 steps verified)": whose it is, and how far."""
    done = f"{counts.verified:,} of {counts.total:,} steps verified"
    return f"Run {run.pk} ({run.title}, launched by {run.launched_by}, {run.status}, {done})"


def skipped(run: Run) -> list[Step]:
    """The run's skipped steps, each with its reason's signature, so that they group as failures do."""
    steps = list(run.steps.filter(status=Status.SKIPPED).order_by("table", "date"))
    for step in steps:
        step.signature = signatures.signature(step.message)
    return steps


def reasons_for_skips(run: Run) -> list[FailureGroup]:
    """Why steps were skipped, grouped as failures are, without a step being loaded."""
    steps = run.steps.filter(status=Status.SKIPPED)
    if steps.filter(signature="").exists():  # by a console that kept the message only
        return list(failure_groups.grouped(skipped(run)))
    return failure_groups.groups_of(steps)


def record_table_end(run: Run, table: str) -> None:
    """A line in the timeline when a table has no step left."""
    steps = run.steps.filter(table=table)
    if steps.unfinished().exists():
        return
    verified = steps.filter(status=Status.SUCCEEDED).count()
    run.record("table", f"{definition.short_name(table)} verified on {verified} of {steps.count()}")


def attempts(run: Run) -> QuerySet[Attempt]:
    """The run's calls, newest first, each with how many of its dates are verified and failed by its own doing.

    A date that was tried again is counted where it was tried last; `last_tried_here` are the others.
    """
    return run.attempts.order_by("-number").annotate(
        verified=Count("steps", filter=Q(steps__status=Status.SUCCEEDED)),
        failed=Count("steps", filter=Q(steps__status=Status.FAILED)),
        last_tried_here=Count("steps"),
    )


def failed_or_skipped(run: Run) -> QuerySet[Step]:
    """The failed and skipped steps of a run, by table and date: what a retry is about."""
    return run.steps.filter(status__in=(Status.FAILED, Status.SKIPPED)).order_by("table", "date")
