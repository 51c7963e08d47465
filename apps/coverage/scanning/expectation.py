"""The expected rows of a partition, and its state by what was counted."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass

from apps.coverage.models import Partition, band
from apps.pipeline.sections import Rows, Season, Table
from apps.text import count as in_plural
from apps.warehouse.base import Count

State = Partition.State
OFF_CALENDAR = "the calendar does not expect this date"
NOT_OVER = "the day is not over yet"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The state of one partition, the band that decided it (None: nothing expected, or no upper end) and why."""

    state: Partition.State
    reason: str = ""
    least: float | None = None
    most: float | None = None


def judge(
    table: Table,
    date: dt.date,
    *,
    season: Season | None,
    units: int | None,
    found: Count | None,
    like: Count | None = None,
    problem: str = "",
    is_over: bool = True,
) -> Verdict:
    """The state of a partition from what the warehouse has.

    `units` is None off the calendar. `found` is None where the table could not be read; `problem` says why.
    `like` is what the table of `rows.like` has on the date, None where that one could not be read.
    Before the day `is_over` nothing is expected, and no row is a fault.
    """
    if not is_over:
        return Verdict(State.NOT_EXPECTED, NOT_OVER)
    if found is None:
        return Verdict(State.UNKNOWN, problem or "the warehouse was not asked")
    if units is None or season is None:
        return nothing_expected(found, OFF_CALENDAR)
    if table.skips(date, season):
        days = table.skip_first_days
        return nothing_expected(found, f"bootstrap: day {season.day(date)}, the first {days} are left out")
    if table.rows and table.rows.like and like is None:
        return Verdict(State.UNKNOWN, problem or f"{table.rows.like} could not be read to compare with")
    if table.key and found.rows and found.keys is None:
        why = f"its different keys ({', '.join(table.key)}) are not counted yet"
        return Verdict(State.UNKNOWN, why, *expected(table.rows, units=units, like=like))
    return compare(table.rows, units=units, found=found, like=like)


def nothing_expected(found: Count, why: str) -> Verdict:
    if found.rows:
        return Verdict(State.UNEXPECTED, f"{found.rows:,} rows where none should be ({why})", 0, 0)
    return Verdict(State.NOT_EXPECTED, why)


def compare(rule: Rows | None, *, units: int, found: Count, like: Count | None) -> Verdict:
    """Compares rows with the rule: the least with different keys, where they are counted, the most with rows."""
    least, most = expected(rule, units=units, like=like)
    if not found.rows:
        if not least:
            return Verdict(State.COMPLETE, "", least, most)
        return Verdict(State.MISSING, f"no rows, expected {band(least, most)}", least, most)
    if rule and rule.like and not like_decides(rule, like):
        return Verdict(State.UNKNOWN, f"{rule.like} has no rows on this date to compare with")
    is_thin, is_excess = different(found) < least, most is not None and found.rows > most
    why = []
    if is_thin or is_excess:
        why.append(f"{rows_in_words(found)}, expected {band(least, most)}")
    if duplicates := found.rows - different(found):
        why.append(f"{in_plural(duplicates, 'row')} too many of the same key")
    state = State.THIN if is_thin else State.EXCESS if why else State.COMPLETE
    return Verdict(state, ": ".join(why), least, most)


def different(count: Count) -> int:
    """The number of its different keys; of its rows, if the table has no key."""
    return count.rows if count.keys is None else count.keys


def rows_in_words(count: Count) -> str:
    """ "18 rows"; "18 rows with 17 different keys" where some have the same."""
    if different(count) == count.rows:
        return f"{count.rows:,} rows"
    keys = f"{in_plural(different(count), 'different key')}"
    return f"{count.rows:,} rows with {keys}"


def like_decides(rule: Rows, like: Count | None) -> bool:
    """Whether there is something to compare with: a table without rows decides nothing, a band of the rule does."""
    return bool(rule.per_unit or rule.between or (like and like.rows))


def expected(rule: Rows | None, *, units: int, like: Count | None) -> tuple[float, float | None]:
    """The band by the rule, as a verdict has it: None for no upper end."""
    least, most = bounds(rule, units=units, like=different(like) if like else 0)
    return least, None if math.isinf(most) else most


def bounds(rule: Rows | None, *, units: int, like: int) -> tuple[float, float]:
    """The least and the most rows that satisfy every bound of the rule: at least one row, unless all begin at 0."""
    if rule is None:
        return 1, math.inf
    floor = 0 if rule.allows_none else 1
    bands = []
    if rule.per_unit:
        bands.append((rule.per_unit[0] * units, rule.per_unit[1] * units))
    if rule.between:
        bands.append(rule.between)
    if rule.like and like:
        bands.append(
            (
                math.ceil(rule.at_least * like),
                math.floor(rule.ceiling * like) if math.isfinite(rule.ceiling) else math.inf,
            )
        )
    least = max((band[0] for band in bands), default=floor)
    return max(least, floor), min((band[1] for band in bands), default=math.inf)
