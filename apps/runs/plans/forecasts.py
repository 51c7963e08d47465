"""The forecast of what a plan's SQL jobs bill, from dry runs of stored pre-flights. It asks no warehouse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from typing import Any

from apps.pipeline.definition import Pipeline
from apps.pipeline.sections import BigQuery
from apps.runs.estimates import billing
from apps.runs.estimates.billing import Sample
from apps.runs.models import Preflight
from apps.runs.plans.plan import Plan

LOOKED_AT = 50  # of the newest pre-flights


@dataclass(frozen=True)
class Found:
    """What dry runs for calls of a table in a season said, and the pre-flight that made them."""

    samples: tuple[Sample, ...]
    report: Preflight


@dataclass(frozen=True)
class Part:
    """The calls of a plan for one table in one season, as how many dates each takes; `found` is None if no
    pre-flight tells."""

    table: str
    season: str
    calls: tuple[int, ...]
    found: Found | None

    @property
    def bytes(self) -> tuple[float, float]:
        return billing.estimate(self.found.samples, self.calls) if self.found else (0.0, 0.0)

    @property
    def is_called_otherwise(self) -> bool:
        """Whether there are calls of which no dry run had the number of dates."""
        known = {each.dates for each in self.found.samples} if self.found else set()
        return self.found is not None and not set(self.calls) <= known


@dataclass(frozen=True)
class Forecast:
    """A plan's SQL jobs, estimated as far as pre-flights tell. Of `programs` it is not known."""

    engine: BigQuery
    parts: tuple[Part, ...]
    programs: tuple[str, ...]

    @cached_property
    def estimates(self) -> list[Part]:
        return [part for part in self.parts if part.found]

    @cached_property
    def bytes(self) -> tuple[float, float]:
        """Least and most, of what is estimated."""
        ends = [part.bytes for part in self.estimates]
        return sum(least for least, _ in ends), sum(most for _, most in ends)

    @property
    def called_otherwise(self) -> bool:
        return any(part.is_called_otherwise for part in self.estimates)

    @property
    def in_words(self) -> str:
        """ "40 to 80 MB, 0.04 to 0.08 USD"; empty if nothing is estimated."""
        return billing.cost_range(*self.bytes, self.engine) if self.estimates else ""

    @property
    def unknown(self) -> list[str]:
        """Tables with SQL jobs of which no pre-flight tells, or not of all of their seasons."""
        return list(dict.fromkeys(part.table for part in self.parts if not part.found))

    @property
    def whole(self) -> list[float] | None:
        """Least and most bytes of all SQL jobs; None if some are not estimated, or there are none."""
        return list(self.bytes) if self.estimates and not self.unknown else None

    @property
    def oldest(self) -> Preflight:
        """The pre-flight that says how old the estimate is, where there is one."""
        return min((part.found.report for part in self.parts if part.found), key=attrgetter("finished_at"))


def forecast_of(plan: Plan, pipeline: Pipeline) -> Forecast | None:
    """None if the warehouse bills nothing, or the plan has no step. In one query."""
    engine = pipeline.warehouse
    if not isinstance(engine, BigQuery) or not plan.steps:
        return None
    known = stored_samples()
    scripts = [name for name in plan.by_table if billing.is_sql(pipeline, name)]
    return Forecast(
        engine=engine,
        parts=tuple(
            Part(table, season, tuple(map(len, calls)), known.get((table, season)))
            for table in scripts
            for season, calls in plan.calls_by_season(pipeline.table(table)).items()
        ),
        programs=tuple(name for name in plan.by_table if name not in scripts),
    )


def stored_samples() -> dict[tuple[str, str], Found]:
    """By table and season what the newest pre-flight that tells of it found."""
    found: dict[tuple[str, str], Found] = {}
    finished = Preflight.objects.filter(status=Preflight.Status.FINISHED).only("results", "finished_at")
    for report in finished[:LOOKED_AT]:
        for data in sampled_findings(report):
            for season, samples in data[billing.A_CALL].items():
                said = Found(tuple(Sample(*each) for each in samples), report)
                found.setdefault((data["table"], season), said)
    return found


def sampled_findings(report: Preflight) -> Iterator[Mapping[str, Any]]:
    """What the findings of a report keep of bytes a call."""
    for result in report.results:
        for finding in result["findings"]:
            if billing.A_CALL in finding.get("data", {}):
                yield finding["data"]
