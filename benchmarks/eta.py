"""The accuracy of the estimated remaining time: `python -m benchmarks.eta`; exits 1 over a limit.

A date takes so many seconds a unit (1 to 15 units a date, give or take 15 %): always the same (steady); 1 % of the
first date's more with every date of its table, so that the 300th takes four times as long (drifting, on a line, as a
table does that every date makes longer); or five times as long on 3 dates of 10 (bimodal). After a quarter of the
dates the middle of the range is compared with the real time of the rest. Beside it is the old method: the dates left
divided by the dates that the first table finished in the last hour.

Two shapes: one table without history, and three tables one after the other, of which an earlier run filled
100 dates each, about 10 % faster or slower. Two more rows have fewer limits: dates that share a call of seven are few
observations, whose error cannot be small but whose range must hold; growth that compounds by 1 % a date cannot be
told from a line after 75 dates, and is printed to show what that costs.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median

from apps.runs.estimates import paces, remaining_work
from apps.runs.estimates.paces import Work
from apps.runs.estimates.remaining_work import Left

TIMES = 500
DATES = 300  # of a table
EARLIER_DATES = 100
HOUR = 3600
MOST_ERROR, LEAST_HELD = 0.10, 0.80

Chance = random.Random
Factor = Callable[
    [Chance, int], float
]  # by how much longer than usual a date takes, from its place in its table


def steady(chance: Chance, place: int) -> float:
    return 1.0


def drifting(chance: Chance, place: int) -> float:
    return 1 + 0.01 * place


def compounding(chance: Chance, place: int) -> float:
    return float(1.01**place)


def bimodal(chance: Chance, place: int) -> float:
    return 5.0 if chance.random() < 0.3 else 1.0


@dataclass
class Simulated:
    """A run after a quarter of its dates: finished work, work of an earlier run, and remaining work, by table."""

    done: dict[str, list[Work]] = field(default_factory=dict)
    earlier: dict[str, list[Work]] = field(default_factory=dict)
    ahead: dict[str, list[Work]] = field(default_factory=dict)

    @property
    def left(self) -> dict[str, Left]:
        return {
            table: Left(sum(item.steps for item in work), sum(item.units for item in work))
            for table, work in self.ahead.items()
        }

    @property
    def truth(self) -> float:
        return sum(item.seconds for work in self.ahead.values() for item in work)

    @property
    def ours(self) -> tuple[float, float]:
        left = self.left
        return remaining_work.range_of(paces.of_tables(self.done, self.earlier, left), left)

    @property
    def old_way(self) -> float:
        """Dates left divided by the dates that the first table finished in its last hour."""
        seconds = dates = 0.0
        for item in reversed(next(iter(self.done.values()))):
            if seconds + item.seconds > HOUR and dates:
                break
            seconds, dates = seconds + item.seconds, dates + item.steps
        return sum(left.steps for left in self.left.values()) * max(seconds, HOUR) / dates


def a_table(
    chance: Chance, factor: Factor, seconds: float, *, dates: int = DATES, run: int = 0
) -> list[Work]:
    return [a_call(chance, factor, seconds, [place], run) for place in range(dates)]


def a_call(chance: Chance, factor: Factor, seconds: float, places: Sequence[int], run: int = 0) -> Work:
    """One call of some dates, which share its random factor."""
    units = sum(chance.randint(1, 15) for _ in places)
    likely = seconds * units * factor(chance, places[0])
    return Work(units, max(likely * chance.gauss(1, 0.15), 0.1 * likely), len(places), run)


def one_table(chance: Chance, factor: Factor) -> Simulated:
    work = a_table(chance, factor, 10)
    return Simulated(done={"a": work[: DATES // 4]}, ahead={"a": work[DATES // 4 :]})


def one_table_in_calls_of_seven(chance: Chance, factor: Factor) -> Simulated:
    calls = [a_call(chance, factor, 10, range(at, at + 7)) for at in range(0, DATES - 6, 7)]
    return Simulated(done={"a": calls[: len(calls) // 4]}, ahead={"a": calls[len(calls) // 4 :]})


def three_tables(chance: Chance, factor: Factor) -> Simulated:
    found = Simulated()
    for table, seconds in (("a", 10), ("b", 16), ("c", 6)):
        found.ahead[table] = a_table(chance, factor, seconds)
        past = seconds * chance.gauss(1, 0.1)
        found.earlier[table] = a_table(chance, factor, past, dates=EARLIER_DATES, run=1)
    quarter = 3 * DATES // 4
    found.done["a"], found.ahead["a"] = found.ahead["a"][:quarter], found.ahead["a"][quarter:]
    return found


@dataclass(frozen=True)
class Case:
    """A simulation and its limits."""

    name: str
    shape: Callable[[Chance, Factor], Simulated]
    factor: Factor
    most_error: float = MOST_ERROR
    least_held: float = LEAST_HELD


CASES = (
    Case("steady, one table", one_table, steady),
    Case("drifting, one table", one_table, drifting),
    Case("bimodal, one table", one_table, bimodal),
    Case("steady, three tables", three_tables, steady),
    Case("drifting, three tables", three_tables, drifting),
    Case("bimodal, three tables", three_tables, bimodal),
    Case("bimodal, calls of seven", one_table_in_calls_of_seven, bimodal, most_error=1.0),
    Case("compounding, one table", one_table, compounding, most_error=1.0, least_held=0.0),
)


@dataclass(frozen=True)
class Result:
    """Median errors as shares of the truth, and the share of simulations whose range contained it."""

    case: Case
    error: float
    held: float
    width: float
    old_error: float

    @property
    def is_good(self) -> bool:
        return self.error <= self.case.most_error and self.held >= self.case.least_held

    def __str__(self) -> str:
        verdict = "" if self.is_good else "  LIMIT BROKEN"
        return (
            f"{self.case.name:<26}{self.error:>8.1%}{self.held:>8.0%}{self.width:>8.0%}{self.old_error:>10.1%}"
            f"{verdict}"
        )


def simulate(case: Case, times: int = TIMES) -> Result:
    errors, held, widths, old_errors = [], 0, [], []
    for seed in range(times):
        run = case.shape(random.Random(seed), case.factor)
        truth, (low, high) = run.truth, run.ours
        errors.append(abs((low + high) / 2 - truth) / truth)
        held += low <= truth <= high
        widths.append((high - low) / truth)
        old_errors.append(abs(run.old_way - truth) / truth)
    return Result(case, median(errors), held / times, median(widths), median(old_errors))


def main() -> int:
    print(
        f"{TIMES} simulations each, a quarter of the dates done; +1 % a date is linear: of the first date's time"
    )
    print(f"{'':<26}{'error':>8}{'held':>8}{'width':>8}{'old way':>10}")
    results = [simulate(case) for case in CASES]
    for result in results:
        print(result)
    return 0 if all(result.is_good for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
