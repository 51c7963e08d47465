"""A run's two charts as SVG paths: how long steps took, and how many were finished when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

from apps.svg import HEIGHT, WIDTH, Box, number

MOST_BARS = 120
TOP = 0.92  # of the height that the highest value takes
FEWEST = 2  # values from which a picture says more than a number


@dataclass(frozen=True)
class SecondsChart:
    """A bar a step, or for a few steps together, in the order in which they were finished."""

    bars: tuple[Box, ...]
    steps: int
    steps_a_bar: int
    median: float
    highest: float
    median_y: str
    first: float
    last: float

    @property
    def drawn(self) -> str:
        """All bars as one path."""
        return "".join(bar.path for bar in self.bars)


def seconds_chart(seconds: Sequence[float]) -> SecondsChart | None:
    """None from fewer than FEWEST steps."""
    if len(seconds) < FEWEST:
        return None
    together = -(-len(seconds) // MOST_BARS)
    values = [fmean(seconds[place : place + together]) for place in range(0, len(seconds), together)]
    middle = median(seconds)
    highest = max(*values, middle) or 1.0
    room = WIDTH / max(len(values), 24)  # a few bars stay bars and do not become walls
    return SecondsChart(
        bars=tuple(bar(place, value / highest, room) for place, value in enumerate(values)),
        steps=len(seconds),
        steps_a_bar=together,
        median=middle,
        highest=highest,
        median_y=number(level(middle / highest)),
        first=values[0],
        last=values[-1],
    )


def bar(place: int, share: float, room: float) -> Box:
    y = level(share)
    return Box.of((place + 0.15) * room, y, 0.7 * room, HEIGHT - y)


def level(share: float) -> float:
    return HEIGHT * (1 - TOP * share)


@dataclass(frozen=True)
class FinishedChart:
    """Finished steps over time; while the run works, a cone to where it likely ends."""

    line: str
    cone: str
    start: dt.datetime
    end: dt.datetime
    total: int


def finished_chart(
    points: Sequence[tuple[dt.datetime, int]],
    *,
    start: dt.datetime | None,
    now: dt.datetime,
    total: int,
    finish: tuple[dt.datetime, dt.datetime] | None,
) -> FinishedChart | None:
    """`points` are moments with the steps finished by then, oldest first; `finish` is a working run's likely end."""
    if start is None or len(points) < FEWEST:
        return None
    end = max(points[-1][0], finish[1]) if finish else points[-1][0]
    span = (end - start).total_seconds()
    if span <= 0:
        return None

    def at(moment: dt.datetime, steps: int) -> str:
        share = min(max((moment - start).total_seconds() / span, 0), 1)
        return f"{number(share * WIDTH)} {number(level(steps / total))}"

    # Steps of one call end together: of all points on one pixel the last is the true one.
    pixels = {
        round((moment - start).total_seconds() / span * WIDTH): (moment, steps) for moment, steps in points
    }
    done = points[-1][1]
    here = max(points[-1][0], now) if finish else points[-1][0]
    corners = [at(*point) for point in pixels.values()]
    line = " L".join([f"M{at(start, 0)}", *corners, at(here, done)])
    cone = f"M{at(here, done)} L{at(finish[0], total)} L{at(finish[1], total)}z" if finish else ""
    return FinishedChart(line=line, cone=cone, start=start, end=end, total=total)
