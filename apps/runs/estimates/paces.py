"""The pace of a table: seconds a unit of work, from measured calls.

One call is one observation, however many steps share it: seven dates of a call say as much about the next call as one.
A table's seconds a unit are taken for flat, or for a straight line over its steps, each by how well it fits; so a
trend moves an estimate as far as it is certain, and where it is not it makes the range wider. The line goes on as a
line: a table that each date makes longer by the same time. Growth that compounds is seen late and told too short.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

FEWEST = 5  # finished steps before an estimate is given
FEWEST_CALLS = 3  # fewer do not show how much they differ
RECENT = 400  # calls of a table that are looked at
TREND_ODDS = 0.05  # of a table having a trend, before anything was seen of it
UNSURE = 0.5  # by how much of itself a pace may be wrong of which next to nothing is known
ANOTHER_RUN = 0.15  # by how much of itself a pace may be another one in another run
DEVIATIONS = 1.2816  # of a normal distribution: four times out of five it lies within


@dataclass(frozen=True, slots=True)
class Work:
    """A call whose dates were verified: its units, how long it took, how many steps shared it, of which run it was.

    `least` and `most` are the units of its smallest and its largest step; 0 if all steps have as many.
    """

    units: float
    seconds: float
    steps: int = 1
    run: int = 0
    least: float = 0
    most: float = 0

    @property
    def smallest(self) -> float:
        return self.least or self.units / self.steps

    @property
    def largest(self) -> float:
        return self.most or self.units / self.steps


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds that a table needs for a unit of work, with what is known about their spread.

    The n-th step from now takes `rate + slope * n` seconds a unit. `error` is the standard error of the level in the
    middle of what was measured, which lies `lever` steps back; `spread` that of one unit, as a share of its time.
    Steps of `least` to `most` units were measured.
    """

    rate: float
    error: float
    spread: float
    slope: float = 0.0
    slope_error: float = 0.0
    lever: float = 0.0
    steps: int = 0
    is_borrowed: bool = False
    least: float = 0.0
    most: float = math.inf

    @property
    def drift(self) -> float:
        """By how much of itself the time for a unit changes from one date to the next; 0.12 is 12 %."""
        return self.slope / self.rate if self.rate > 0 else 0.0

    @property
    def growth(self) -> float:
        """By how much the time for a unit changes a date, as a share of that of the first step."""
        first = max(self.rate - self.slope * self.steps, 0.1 * self.rate)
        return self.slope / first if first > 0 else 0.0


# A table by what it did ---------------------------------------------------------------------------


def pace(finished: Sequence[Work]) -> Pace | None:
    """The pace of a table from its finished calls, oldest first; None from fewer than FEWEST steps."""
    work = measured(finished)
    if sum(item.steps for item in work) < FEWEST:
        return None
    level = flat(work)
    return with_trend(work, level) if len(work) >= FEWEST else level


def measured(finished: Sequence[Work]) -> list[Work]:
    return [item for item in finished if item.units > 0 and item.seconds >= 0][-RECENT:]


def flat(work: Sequence[Work]) -> Pace:
    """The ratio estimator: total seconds over total units, its standard error from the residuals.

    Cochran, Sampling Techniques, 3rd ed., ch. 6: var(r) = sum (s - r u)² / ((n - 1) n mean(u)²).
    """
    count, units = len(work), sum(item.units for item in work)
    rate = sum(item.seconds for item in work) / units
    steps = sum(item.steps for item in work)
    least, most = min(item.smallest for item in work), max(item.largest for item in work)
    if count < FEWEST_CALLS:
        error, spread = UNSURE / math.sqrt(count) * rate, UNSURE * math.sqrt(units / count)
    else:
        squares = sum((item.seconds - rate * item.units) ** 2 for item in work) / (count - 1)
        error = few(count - 1) * math.sqrt(squares * count) / units
        spread = math.sqrt(squares * count / units) / rate if rate else 0.0
    return Pace(rate, error, spread, lever=steps / 2, steps=steps, least=least, most=most)


def few(freedom: int) -> float:
    """By how much a standard error from few observations is to be stretched: Student's t over the normal quantile.

    Cornish-Fisher expansion, Abramowitz and Stegun, 26.7.5.
    """
    square = DEVIATIONS**2
    first = (square + 1) / 4
    second = (5 * square**2 + 16 * square + 3) / 96
    third = (3 * square**3 + 19 * square**2 + 17 * square - 15) / 384
    return 1 + first / freedom + second / freedom**2 + third / freedom**3


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line through seconds a unit: its height in the middle of the measured, its slope, their errors."""

    middle: float
    height: float
    slope: float
    height_error: float
    slope_error: float
    spread: float

    def at(self, place: float) -> float:
        """A falling line ends above nothing."""
        return max(self.height + self.slope * (place - self.middle), 0.1 * self.height)


def with_trend(work: Sequence[Work], level: Pace) -> Pace:
    """Flat and line together, each weighed by how well it describes the calls.

    Bayesian model averaging (Hoeting and others, Statistical Science 14, 1999) with the weights of the Bayesian
    information criterion (Raftery, Sociological Methodology 25, 1995): the line's odds are exp(-ΔBIC / 2), where
    ΔBIC = ln n - n ln(1 + t² / (n - 2)) and t is the slope over its error.
    """
    line = through(work, level.rate)
    share = odds_share(line.slope, line.slope_error, len(work))
    if not share:
        return level
    between = share * (1 - share)
    now = line.at(level.steps)
    return replace(
        level,
        rate=(1 - share) * level.rate + share * now,
        error=math.hypot(math.sqrt(1 - share) * level.error, math.sqrt(share) * line.height_error),
        spread=(1 - share) * level.spread + share * line.spread,
        slope=share * line.slope,
        slope_error=math.sqrt(share * line.slope_error**2 + between * line.slope**2),
        lever=level.steps - line.middle,
    )


def odds_share(slope: float, error: float, count: int) -> float:
    """How likely the line is, of flat and line."""
    if not slope:
        return 0.0
    if error <= 1e-9 * abs(slope):
        return 1.0
    gain = count * math.log1p((slope / error) ** 2 / (count - 2)) - math.log(count)
    return 1 / (1 + math.exp(-gain / 2) / TREND_ODDS)


def through(work: Sequence[Work], rate: float) -> Line:
    """The least-squares line of seconds a unit over the steps, for times that vary in proportion to their height.

    Iteratively reweighted (McCullagh and Nelder, Generalized Linear Models, ch. 8), with errors that hold whatever
    the variances are (White, Econometrica 48, 1980), corrected for the two parameters.
    """
    places, values = middles(work), [item.seconds / item.units for item in work]
    found = Line(0.0, rate, 0.0, 0.0, 0.0, 0.0)
    for _ in range(2):
        found = fit(work, places, values, [found.at(place) for place in places])
    return found


def middles(work: Sequence[Work]) -> list[float]:
    """Where each call stands among the table's steps: in the middle of its own."""
    found, before = [], 0
    for item in work:
        found.append(before + (item.steps - 1) / 2)
        before += item.steps
    return found


def fit(
    work: Sequence[Work], places: Sequence[float], values: Sequence[float], heights: Sequence[float]
) -> Line:
    count = len(work)
    weights = [item.units / max(height, 1e-9) ** 2 for item, height in zip(work, heights, strict=True)]
    total = sum(weights)
    middle = sum(w * x for w, x in zip(weights, places, strict=True)) / total
    height = sum(w * y for w, y in zip(weights, values, strict=True)) / total
    width = sum(w * (x - middle) ** 2 for w, x in zip(weights, places, strict=True))
    slope = sum(w * (x - middle) * y for w, x, y in zip(weights, places, values, strict=True)) / width
    rest = [y - height - slope * (x - middle) for x, y in zip(places, values, strict=True)]
    squares = [(w * e) ** 2 * count / (count - 2) for w, e in zip(weights, rest, strict=True)]
    relative = sum(
        (item.units * e / max(h, 1e-9)) ** 2 for item, e, h in zip(work, rest, heights, strict=True)
    )
    units = sum(item.units for item in work)
    return Line(
        middle=middle,
        height=height,
        slope=slope,
        height_error=few(count - 2) * math.sqrt(sum(squares)) / total,
        slope_error=few(count - 2)
        * math.sqrt(sum(q * (x - middle) ** 2 for q, x in zip(squares, places, strict=True)))
        / width,
        spread=math.sqrt(relative * count / (count - 2) / units),
    )


# Tables together ----------------------------------------------------------------------------------


def of_tables(
    own: Mapping[str, Sequence[Work]],
    earlier: Mapping[str, Sequence[Work]],
    tables: Iterable[str],
) -> dict[str, Pace]:
    """The paces of these tables, from a run's own calls and where these say little from earlier runs; without those
    of which fewer than FEWEST steps were ever verified.

    The level of an earlier run is borrowed, its trend is not: tables that were not reached are taken to grow like
    those of this run that were.
    """
    found = {table: known for table, work in own.items() if (known := pace(work))}
    growth = growth_of(found)
    for table in tables:
        if known := of_table(found.get(table), own.get(table, ()), earlier.get(table, ()), growth):
            found[table] = known
    return found


def of_table(
    present: Pace | None, own: Sequence[Work], earlier: Sequence[Work], growth: float
) -> Pace | None:
    past = borrowed(earlier, growth)
    if present or past:
        return weighed(present or first_steps(measured(own), growth), past)
    return borrowed([*earlier, *own], growth)  # too few each, and perhaps enough together


def growth_of(paces: Mapping[str, Pace]) -> float:
    """By how much of its first step's time each step of a table adds, over the tables that were measured."""
    steps = sum(each.steps for each in paces.values())
    return sum(each.growth * each.steps for each in paces.values()) / steps if steps else 0.0


def borrowed(earlier: Sequence[Work], growth: float = 0.0) -> Pace | None:
    """The level of earlier runs at a table's first step, growing as this run does; None if they did too little."""
    work = measured(earlier)
    if sum(item.steps for item in work) < FEWEST:
        return None
    level = flat(work)
    steps_a_run = level.steps / len({item.run for item in work})
    rate = level.rate / max(1 + growth * (steps_a_run - 1) / 2, 0.1)
    return Pace(
        rate=rate,
        error=math.hypot(level.error, ANOTHER_RUN * level.rate) * rate / level.rate if level.rate else 0.0,
        spread=level.spread,
        slope=growth * rate,
        slope_error=UNSURE * abs(growth) * rate,
        is_borrowed=True,
        least=level.least,
        most=level.most,
    )


def first_steps(work: Sequence[Work], growth: float) -> Pace | None:
    """Too few steps for a pace of their own: a level to be weighed against that of earlier runs."""
    if not work:
        return None
    level = flat(work)
    slope = growth * level.rate
    return replace(level, slope=slope, slope_error=UNSURE * abs(slope))


def weighed(present: Pace | None, past: Pace | None) -> Pace | None:
    """Both levels, by the inverse of their variances; the trend is the present's alone."""
    if present is None or past is None:
        return present or past
    level = past.rate + past.slope * present.steps  # where the earlier run's level would be by now
    here, there = present.error**2, past.error**2
    if here == 0:
        return present
    share = here / (here + there) if there else 1.0
    error = math.sqrt(here * there / (here + there))
    return replace(
        present,
        rate=(1 - share) * present.rate + share * level,
        error=error,
        least=min(present.least, past.least),
        most=max(present.most, past.most),
    )
