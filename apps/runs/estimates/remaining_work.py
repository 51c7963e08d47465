"""The time that the remaining steps take at the known paces, as a range that is never of zero width."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from apps.runs.estimates.paces import DEVIATIONS, UNSURE, Pace

NARROWEST = 0.05  # of the time expected, to each side: whatever was measured, the world is no clock
A_MOMENT = 1.0  # second, for the same reason


@dataclass(frozen=True, slots=True)
class Left:
    """Unfinished steps of one table: how many, their units together, and those of the smallest and the largest.

    Where neither is given all steps have as many.
    """

    steps: int
    units: float
    least: float = 0
    most: float = 0

    def __add__(self, other: Left) -> Left:
        some = [each for each in (self, other) if each.steps]
        return Left(
            self.steps + other.steps,
            self.units + other.units,
            min((each.smallest for each in some), default=0),
            max((each.largest for each in some), default=0),
        )

    @property
    def mean(self) -> float:
        return self.units / self.steps if self.steps else 0.0

    @property
    def smallest(self) -> float:
        return self.least if self.most else self.mean

    @property
    def largest(self) -> float:
        return self.most or self.mean

    def outside(self, pace: Pace) -> float:
        """The units by which steps are larger or smaller than any that was measured: no fewer than there are.

        Of the steps the number, the sum and both ends are known. How far a step lies outside is a convex function of
        its units, so it lies below the chord over both ends.
        """
        low, high, mean = self.smallest, self.largest, self.mean
        above = chord(max(low - pace.most, 0), max(high - pace.most, 0), low, high, mean)
        below = chord(max(pace.least - low, 0), max(pace.least - high, 0), low, high, mean)
        return self.steps * (above + below)


def chord(at_low: float, at_high: float, low: float, high: float, place: float) -> float:
    """The height at a place of the straight line between the ends."""
    if high <= low:
        return at_low
    return at_low + (at_high - at_low) * (place - low) / (high - low)


@dataclass(frozen=True, slots=True)
class Remaining:
    """What steps left will take: expected, with the deviation by a wrong pace and by chance."""

    seconds: float
    error: float
    chance: float


def remaining(pace: Pace, left: Left) -> Remaining:
    """Of one table. An error of its pace hits all steps alike; chance evens out among them.

    Whether a step of a size that was never measured takes time by its units, or as long as any other, is not known.
    """
    count = left.steps
    if count == 0:
        return Remaining(0.0, 0.0, 0.0)
    each, rate, slope = left.units / count, pace.rate, pace.slope
    places = count * (count - 1) / 2  # 0 + 1 + ... for the steps ahead
    squares = (count - 1) * count * (2 * count - 1) / 6
    expected = each * (rate * count + slope * places)
    heights = max(rate**2 * count + 2 * rate * slope * places + slope**2 * squares, 0.0)
    by_trend = pace.slope_error * each * (pace.lever * count + places)
    by_size = UNSURE * rate * left.outside(pace)
    return Remaining(
        seconds=max(expected, 0.1 * rate * left.units),  # a falling line never reaches nothing
        error=math.hypot(pace.error * left.units, by_trend, by_size),
        chance=pace.spread * math.sqrt(each * heights),
    )


def range_of(paces: Mapping[str, Pace], left: Mapping[str, Left]) -> tuple[float, float]:
    """The work left in seconds, as a range that holds four times out of five; each table must have its pace.

    What was borrowed has one source: its errors add up, the others' do not.
    """
    found = [(paces[table].is_borrowed, remaining(paces[table], some)) for table, some in left.items()]
    if not any(some.steps for some in left.values()):
        return 0.0, 0.0
    expected = sum(each.seconds for _, each in found)
    margin = max(DEVIATIONS * deviation(found), NARROWEST * expected, A_MOMENT)
    return max(expected - margin, expected * 0.2), expected + margin


def deviation(found: Iterable[tuple[bool, Remaining]]) -> float:
    """Of all tables together."""
    together = variance = 0.0
    for is_borrowed, each in found:
        variance += each.chance**2
        if is_borrowed:
            together += each.error
        else:
            variance += each.error**2
    return math.sqrt(together**2 + variance)
