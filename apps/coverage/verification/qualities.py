"""Quality by day of season: each date's mean against its band, and the same by bands for a table to read."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from apps.coverage.counts import quality
from apps.coverage.verification.report import Point, QualityReport, Spans, spans
from apps.coverage.verification.tables import After, RangeReading
from apps.pipeline.definition import Pipeline
from apps.pipeline.sections import Table


def qualities(pipeline: Pipeline, wanted: Iterable[Table], seen: RangeReading) -> Iterator[QualityReport]:
    """Of the tables whose quality the pipeline file names."""
    for table in wanted:
        if table.quality:
            points = tuple(points_of(pipeline, table, seen))
            yield QualityReport(table.name, table.quality.column, points, seen.problem_of(table))


def points_of(pipeline: Pipeline, table: Table, seen: RangeReading) -> Iterator[Point]:
    for date, count in seen.counts(table):
        season = pipeline.season_of(date)
        if season is None:
            continue
        least, most = quality.band(table, season, date) or (None, None)
        ceiling = None if most is None or math.isinf(most) else most
        yield Point(date, season.name, season.day(date), count.quality, least, ceiling)


def against(point: Point) -> str:
    """A letter of apps.coverage.counts.quality; empty where the date has no quality at all."""
    if point.mean is None:
        return ""
    if point.least is None:
        return quality.NO_BAND
    return quality.against(point.mean, (point.least, math.inf if point.most is None else point.most))


@dataclass(frozen=True)
class Stretch:
    """The days of season that have one band, over all seasons of the report."""

    first_day: int
    last_day: int
    least: float | None
    most: float | None
    points: tuple[Point, ...]

    @property
    def means(self) -> list[float]:
        return [point.mean for point in self.points if point.mean is not None]

    @property
    def lowest(self) -> float | None:
        return min(self.means, default=None)

    @property
    def highest(self) -> float | None:
        return max(self.means, default=None)

    @property
    def mean(self) -> float | None:
        return sum(self.means) / len(self.means) if self.means else None

    @property
    def band(self) -> str:
        if self.least is None:
            return "no band"
        return f"at least {self.least:g}" if self.most is None else f"{self.least:g} to {self.most:g}"

    def dates(self, letter: str, after: After) -> Spans:
        return spans((point.date for point in self.points if against(point) == letter), after)


def stretches(found: QualityReport) -> list[Stretch]:
    """By day of season, so that the dates of several seasons stand together."""

    def band(point: Point) -> tuple[float | None, float | None]:
        return point.least, point.most

    made = []
    for (least, most), same in groupby(sorted(found.points, key=lambda point: point.day), key=band):
        points = tuple(same)
        made.append(Stretch(points[0].day, points[-1].day, least, most, points))
    return made
