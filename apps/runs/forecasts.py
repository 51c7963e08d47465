"""What a plan's SQL jobs would bill, by the dry runs of pre-flights whose results are stored. Asks no warehouse."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from apps.pipeline.definition import BigQuery, Pipeline
from apps.runs import batching, costs
from apps.runs.models import Preflight
from apps.runs.planning import Plan

LOOKED_AT = 50  # of the newest pre-flights


@dataclass(frozen=True)
class Estimate:
    """Bytes that a date of a table bills in a season, least and most, and the pre-flight that found it."""

    least: float
    most: float
    report: Preflight

    def with_calls_of(self, dates: int, *, instead_of: int) -> Estimate:
        """The same where calls take other numbers of dates than the dry runs did: a smaller call may bill as much as
        the larger one did, and a larger one no more than the smaller."""
        ratio = instead_of / dates
        return replace(self, least=self.least * min(ratio, 1), most=self.most * max(ratio, 1))


@dataclass(frozen=True)
class Part:
    """The steps of a plan for one table in one season; `estimate` is None where no pre-flight tells."""

    table: str
    season: str
    steps: int
    estimate: Estimate | None


@dataclass(frozen=True)
class Forecast:
    """A plan's SQL jobs, estimated as far as pre-flights tell. Of `programs` nobody can tell."""

    engine: BigQuery
    parts: tuple[Part, ...]
    programs: tuple[str, ...]
    called_otherwise: tuple[str, ...]

    @cached_property
    def estimates(self) -> list[tuple[int, Estimate]]:
        return [(part.steps, part.estimate) for part in self.parts if part.estimate]

    @property
    def bytes(self) -> tuple[float, float]:
        """Least and most, of what is estimated."""
        return (
            sum(steps * each.least for steps, each in self.estimates),
            sum(steps * each.most for steps, each in self.estimates),
        )

    @property
    def in_words(self) -> str:
        """ "40 to 80 MB, 0.04 to 0.08 USD"; empty where nothing is estimated."""
        return costs.in_words(*self.bytes, self.engine) if self.estimates else ""

    @property
    def unknown(self) -> list[str]:
        """Tables with SQL jobs of which no pre-flight tells, or not of all of their seasons."""
        return list(dict.fromkeys(part.table for part in self.parts if not part.estimate))

    @property
    def whole(self) -> list[float] | None:
        """Least and most bytes of all SQL jobs; None where some are not estimated, or there are none."""
        return list(self.bytes) if self.estimates and not self.unknown else None

    @property
    def oldest(self) -> Preflight:
        """The pre-flight that says how old the estimate is, where there is one."""
        return min((each.report for _, each in self.estimates), key=asked_at)


def of(plan: Plan, pipeline: Pipeline) -> Forecast | None:
    """None where the warehouse bills nothing, or the plan has no step. In one query."""
    engine = pipeline.warehouse
    if not isinstance(engine, BigQuery) or not plan.steps:
        return None
    known = stored()
    scripts = [name for name in plan.by_table if costs.is_sql(pipeline, name)]
    return Forecast(
        engine=engine,
        parts=tuple(
            Part(table, season, steps, for_calls(known.get((table, season)), plan, pipeline, table))
            for table in scripts
            for season, steps in plan.by_table_and_season[table].items()
        ),
        programs=tuple(name for name in plan.by_table if name not in scripts),
        called_otherwise=tuple(name for name in scripts if is_called_otherwise(plan, pipeline, name)),
    )


def for_calls(known: Estimate | None, plan: Plan, pipeline: Pipeline, table: str) -> Estimate | None:
    dates, estimated = calls_of(plan, pipeline, table)
    return known.with_calls_of(dates, instead_of=estimated) if known else None


def calls_of(plan: Plan, pipeline: Pipeline, table: str) -> tuple[int, int]:
    """How many dates a call takes in this plan, and in the dry runs."""
    job = pipeline.table(table).job
    assert job
    return batching.dates_a_call(job, plan.selection.batch), batching.dates_a_call(job, None)


def is_called_otherwise(plan: Plan, pipeline: Pipeline, table: str) -> bool:
    dates, estimated = calls_of(plan, pipeline, table)
    return dates != estimated


def stored() -> dict[tuple[str, str], Estimate]:
    """By table and season what the newest pre-flight that tells of it found."""
    found: dict[tuple[str, str], Estimate] = {}
    finished = Preflight.objects.filter(status=Preflight.Status.FINISHED).only("results", "finished_at")
    for report in finished[:LOOKED_AT]:
        for data in told(report):
            for season, (least, most) in data[costs.A_DATE].items():
                found.setdefault((data["table"], season), Estimate(least, most, report))
    return found


def told(report: Preflight) -> Iterator[Mapping[str, Any]]:
    """What the findings of a report keep of bytes a date."""
    for result in report.results:
        for finding in result["findings"]:
            if costs.A_DATE in finding.get("data", {}):
                yield finding["data"]


def asked_at(report: Preflight) -> dt.datetime:
    assert report.finished_at
    return report.finished_at
