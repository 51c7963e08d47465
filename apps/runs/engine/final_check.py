"""The final check of a run: one query about all that it verified, what was complete in its tables, and their inputs."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import NamedTuple

from django.db.models import Max, Min

from apps.coverage.models import Partition, PartitionQuerySet
from apps.coverage.scanning import readings
from apps.coverage.scanning.judging import Found, Key
from apps.grouping import by_key
from apps.pipeline import definition
from apps.pipeline.definition import Pipeline
from apps.runs.engine import regressions, side_effects
from apps.runs.engine.lane_context import LaneContext
from apps.runs.models import Attempt, Run, Step
from apps.text import count
from apps.warehouse.base import QueryFailed, Warehouse

State = Partition.State
NOT_HELD = (State.MISSING, State.THIN, State.EXCESS, State.UNKNOWN)
TABLES_NAMED = 6
# Of a step: no words of it and its call.
LOOKED_AT = (
    "run",
    "table",
    "date",
    "rows_before",
    "rows_after",
    "keys_after",
    "finished_at",
    "attempt__number",
    "attempt__started_at",
)


class CountsBefore(NamedTuple):
    """The rows and different keys of a date that was complete."""

    rows: int
    keys: int | None


@dataclass(frozen=True)
class FinalReading:
    """What was found at the end: `verified` by the run, and `complete` before and no step of it, by table and date; of
    tables that only are read, the dates that steps read.

    `stale` are those of which the warehouse noted, as they were read last, that an input was written after them.
    """

    verified: dict[Key, Step] = field(default_factory=dict)
    complete: dict[Key, CountsBefore] = field(default_factory=dict)
    found: dict[Key, Found] = field(default_factory=dict)
    stale: dict[Key, Partition] = field(default_factory=dict)

    @property
    def no_longer_valid(self) -> list[Step]:
        """Verified steps that do not hold any more."""
        return [step for key, step in self.verified.items() if not holds(step, self.found[key])]

    @property
    def not_rewritten(self) -> list[Step]:
        """Steps of stale dates that the warehouse did not write since before their call, by its own word."""
        return [
            step
            for key, step in self.verified.items()
            if was_not_rewritten(step, self.found[key], self.stale.get(key))
        ]

    @property
    def damaged(self) -> dict[str, dict[dt.date, Found]]:
        """By table the other dates that were complete and have fewer rows or different keys now, or too many."""
        found: dict[str, dict[dt.date, Found]] = defaultdict(dict)
        for (table, date), had in self.complete.items():
            each = self.found[table, date]
            is_less = (each.rows or 0) < had.rows or has_fewer_keys(each, had.keys)
            if is_less or (each.rows != had.rows and regressions.is_damaged(each)):
                found[table][date] = each
        return found


def read(lane: LaneContext, warehouse: Warehouse) -> FinalReading:
    """Reads all of it in one query. A WarehouseError if something could not be read."""
    run = lane.run
    known = set(lane.pipeline.by_name)
    steps = run.steps.filter(status=Step.Status.SUCCEEDED, table__in=known)
    verified = {(step.table, step.date): step for step in steps.select_related("attempt").only(*LOOKED_AT)}
    called = set(run.attempts.filter(table__in=known).order_by().values_list("table", flat=True).distinct())
    complete = {
        (table, date): CountsBefore(rows or 0, keys)
        for whole in (regressions.complete_partitions(called), complete_inputs(lane.pipeline, run, called))
        for table, date, rows, keys in whole.values_list("table", "date", "rows", "keys").iterator()
        if (table, date) not in verified and lane.pipeline.season_of(date)
    }
    wanted: dict[str, set[dt.date]] = defaultdict(set)
    tried = run.steps.filter(attempts__gt=0, table__in=known).values_list("table", "date")
    for table, date in (*verified, *complete, *tried):
        wanted[table].add(date)
    found = {
        key: each
        for key, each in readings.read_range(lane.pipeline, warehouse, wanted).items()
        if each.count is not None or key[0] in called
    }
    require_readable(found[key] for key in (*verified, *complete) if key[0] in called)
    complete = {key: had for key, had in complete.items() if key in found}
    tables = {table for table, _ in verified}
    rows = Partition.objects.of(tables).filter(state=State.STALE).exclude(modified_at=None)
    stale = {(row.table, row.date): row for row in rows.only("table", "date", "modified_at", "reason")}
    return FinalReading(verified, complete, found, stale)


def complete_inputs(pipeline: Pipeline, run: Run, called: AbstractSet[str]) -> PartitionQuerySet:
    """What was complete of the tables that the called ones read, on the dates that steps of the run read."""
    tables = [pipeline.by_name[name] for name in called]
    sources = {source for need in pipeline.needs if called & set(need.used_by) for source in need.sources}
    names = (sources | {name for table in tables for name in table.follows}) - called
    span = run.steps.filter(table__in=called).aggregate(first=Min("date"), last=Max("date"))
    if not names or span["first"] is None:
        return Partition.objects.none()
    back = max((needed.lookback for table in tables for needed in table.after), default=0)
    first = span["first"] - dt.timedelta(days=back)
    return regressions.complete_partitions(names).filter(date__range=(first, span["last"]))


def require_readable(found: Iterable[Found]) -> None:
    """QueryFailed if one of these could not be counted: the run cannot end before it is known."""
    silent = next((each for each in found if each.count is None), None)
    if silent:
        raise QueryFailed(silent.verdict.reason)


def holds(step: Step, found: Found) -> bool:
    """Whether a verified date still has what it was verified with. One that left the calendar only has to have it."""
    if found.verdict.state in NOT_HELD or found.count is None:
        return False
    return found.count.rows >= (step.rows_after or 0) and not has_fewer_keys(found, step.keys_after)


def has_fewer_keys(found: Found, had: int | None) -> bool:
    """Whether it was counted to have fewer different keys than it had."""
    return found.keys is not None and found.keys < (had or 0)


def was_not_rewritten(step: Step, found: Found, stale: Partition | None) -> bool:
    """Whether a call left a stale date as it was. Its time of writing must also be the same, since clocks differ."""
    if not (stale and stale.modified_at and step.attempt and found.count):
        return False
    return found.count.modified_at == stale.modified_at < step.attempt.started_at


def apply_final_check(lane: LaneContext, look: FinalReading) -> None:
    """Stores what was found; steps that do not hold any more fail, other losses are lines of the timeline."""
    run = lane.run
    no_longer_valid = [step for step in look.no_longer_valid if not decided_elsewhere(step)]
    with lane.transaction():
        readings.store(look.found.values())
        for step in no_longer_valid:
            found = look.found[step.table, step.date]
            regressions.mark_failed(step, found, why(run, step, found))
        old = [step for step in look.not_rewritten if step not in no_longer_valid]
        for step in old:
            key = step.table, step.date
            says = f"as old as before; {look.stale[key].reason}"
            regressions.mark_failed(step, look.found[key], says)
        regressions.save(run, [*no_longer_valid, *old])
        for table, damaged in look.damaged.items():
            asked_at = next(iter(damaged.values())).asked_at
            others = side_effects.others_at_work(table, lane.heartbeat.lease, since=asked_at)
            mine = {date: each for date, each in damaged.items() if date not in others}
            regressions.record_late_damage(run, table, mine)


def decided_elsewhere(step: Step) -> bool:
    """Whether another run filled this date since or is filling it now, so that it is that run's to verify."""
    others = Step.objects.filter(table=step.table, date=step.date).exclude(run=step.run_id)
    since = others.filter(
        finished_at__gt=step.finished_at, status__in=(Step.Status.SUCCEEDED, Step.Status.FAILED)
    )
    return since.exists() or others.filter(status=Step.Status.RUNNING).exists()


def why(run: Run, step: Step, found: Found) -> str:
    """The message of a verified step that does not hold at the end of its run."""
    has_less = (found.rows or 0) < (step.rows_after or 0) or has_fewer_keys(found, step.keys_after)
    calls = f"; {calls_after(run, step)}" if has_less else ""
    return side_effects.damage_of_step(step, found, f"at the end of the run{calls}")


def calls_after(run: Run, step: Step) -> str:
    """Which calls of the run came after the one that filled the step, by table: those for other tables first, since
    what the others left of the table was looked at after each of them."""
    first = step.attempt.number if step.attempt else 0
    later = run.attempts.filter(number__gt=first).exclude(status=Attempt.Status.NOT_STARTED)
    calls = by_key((call.table, call) for call in later.order_by("number").only("table", "number", "dates"))
    if not calls:
        return "no call of this run came after it"
    tables = sorted(calls, key=lambda table: table == step.table)
    named = ", ".join(calls_in_words(table, calls[table]) for table in tables[:TABLES_NAMED])
    left = len(tables) - TABLES_NAMED
    more = f" and those of {count(left, 'table')} more" if left > 0 else ""
    return f"called in between: {named}{more}"


def calls_in_words(table: str, calls: Sequence[Attempt]) -> str:
    """ "sales in attempt 3 (2024-01-05)", "sales in attempts 3 to 5 and 8"."""
    short_name = definition.short_name(table)
    if len(calls) == 1:
        return f"{short_name} in {side_effects.call_in_words(calls[0])}"
    *most, last = number_ranges([call.number for call in calls])
    return f"{short_name} in attempts {', '.join(most) + ' and ' if most else ''}{last}"


def number_ranges(numbers: Sequence[int]) -> list[str]:
    """ "3 to 5", "8"; numbers come in order."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return [f"{some[0]}" if len(some) == 1 else f"{some[0]} to {some[-1]}" for some in runs]
