"""What the overview says beside coverage: the last pre-flight, what no source has, and what lost rows."""

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
    """On how many dates some source serves a need, and on how many none does."""

    need: Need
    together: Share
    residual: int


@dataclass(frozen=True)
class Readiness:
    """`preflight` is the last one that came to its end; None where none did."""

    preflight: ShownReport | None
    needs: tuple[NeedNow, ...]
    losses: tuple[Loss, ...]


def now(pipeline: Pipeline, coverage: Coverage) -> Readiness:
    """From what is stored: in two queries, three where rows were lost."""
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
    return NeedNow(need, served.together, served.nobody)
