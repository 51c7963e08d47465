"""The readiness shown on the overview: the last pre-flight, dates that no source has, and lost rows."""

from __future__ import annotations

from dataclasses import dataclass

from apps.coverage import regressions
from apps.coverage.counts import serving
from apps.coverage.counts.rollup import Coverage
from apps.coverage.counts.serving import Share
from apps.coverage.regressions import Loss
from apps.pipeline.definition import Pipeline
from apps.pipeline.sections import Need
from apps.runs.models import Preflight
from apps.runs.preflight import reports
from apps.runs.preflight.reports import ShownReport


@dataclass(frozen=True)
class NeedNow:
    """The dates on which a source serves a need, and the number of those on which none does."""

    need: Need
    together: Share
    residual: int


@dataclass(frozen=True)
class Readiness:
    """`preflight` is the last finished one; None without one."""

    preflight: ShownReport | None
    needs: tuple[NeedNow, ...]
    losses: tuple[Loss, ...]


def now(pipeline: Pipeline, coverage: Coverage) -> Readiness:
    """From stored partitions, in two queries; three if rows were lost."""
    last = Preflight.objects.filter(status=Preflight.Status.FINISHED).order_by("-finished_at").first()
    return Readiness(
        preflight=reports.shown_report(last) if last else None,
        needs=tuple(need_now(need, coverage) for need in pipeline.needs),
        losses=tuple(regressions.losses(pipeline)),
    )


def need_now(need: Need, coverage: Coverage) -> NeedNow:
    served = serving.tally(
        need, serving.serving(need, coverage.grid.unread(coverage.freshness.silences).states)
    )
    return NeedNow(need, served.together, served.not_served)
