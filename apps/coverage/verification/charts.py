"""Quality by day of season as SVG: a dot a date, the bands behind."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from apps.coverage.counts import quality
from apps.coverage.verification.qualities import Stretch, against, stretches
from apps.coverage.verification.report import Point, QualityReport
from apps.svg import HEIGHT, WIDTH, Box, dot

STEP = 10  # the axis begins and ends at a multiple of it


@dataclass(frozen=True)
class QualityChart:
    """`inside` and `outside` are paths of dots; dates without a band count as inside."""

    axes: Axes
    bands: tuple[Box, ...]
    inside: str
    outside: str


@dataclass(frozen=True)
class Axes:
    first_day: int
    last_day: int
    lowest: float
    highest: float

    def x(self, day: float) -> float:
        return WIDTH * (day - self.first_day) / (self.last_day + 1 - self.first_day)

    def y(self, value: float) -> float:
        return HEIGHT * (1 - (value - self.lowest) / (self.highest - self.lowest))


def chart(found: QualityReport) -> QualityChart | None:
    """None where no date has a value."""
    points = [point for point in found.points if point.mean is not None]
    if not points:
        return None
    axes, bands = axes_of(points), stretches(found)
    ends = [*(each.first_day for each in bands[1:]), axes.last_day + 1]
    return QualityChart(
        axes=axes,
        bands=tuple(
            box(axes, each, end) for each, end in zip(bands, ends, strict=True) if each.least is not None
        ),
        inside=dots(axes, (point for point in points if not is_outside(point))),
        outside=dots(axes, (point for point in points if is_outside(point))),
    )


def is_outside(point: Point) -> bool:
    return against(point) in (quality.BELOW, quality.ABOVE)


def axes_of(points: Sequence[Point]) -> Axes:
    """Wide enough for every value and every band."""
    ends = [end for point in points for end in (point.mean, point.least, point.most) if end is not None]
    days = [point.day for point in points]
    low, high = math.floor(min(ends) / STEP) * STEP, math.ceil(max(ends) / STEP) * STEP
    return Axes(min(days), max(days), low, high if high > low else low + STEP)


def box(axes: Axes, stretch: Stretch, end: int) -> Box:
    """A band as a box that ends where the next one begins."""
    least = axes.lowest if stretch.least is None else stretch.least
    top = axes.y(axes.highest if stretch.most is None else stretch.most)
    left, right = axes.x(stretch.first_day), axes.x(end)
    return Box.of(left, top, right - left, max(axes.y(least) - top, 1))


def dots(axes: Axes, points: Iterable[Point]) -> str:
    return "".join(dot(axes.x(point.day + 0.5), axes.y(point.mean or 0)) for point in points)
