"""The check that asks what the SQL jobs would bill, by dry runs on some dates of each season."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from apps.pipeline.check_kinds import Cost
from apps.pipeline.sections import BigQuery, Season, Table
from apps.runs.estimates import billing
from apps.runs.estimates.billing import Sample
from apps.runs.preflight import dates as wanted_dates
from apps.runs.preflight.dates import Calls, Wanted
from apps.runs.preflight.facts import Facts
from apps.runs.preflight.finding import Finding, failed, passed, skipped, some, unknown, warned
from apps.text import count, money, size, size_range
from apps.warehouse.base import Estimating, QueryFailed, WarehouseError


@dataclass(frozen=True)
class Sampled:
    """Dry runs of some of a season's calls, and how many dates each call takes that fills what is to be filled."""

    season: Season
    samples: tuple[Sample, ...]
    sizes: tuple[int, ...]

    @property
    def largest(self) -> tuple[int, int]:
        """The most that a call would bill, at least and at most."""
        return max((each.least, each.most) for each in self.samples)

    @property
    def in_words(self) -> str:
        least, most = min(each.least for each in self.samples), max(each.most for each in self.samples)
        return f"{self.season.name} {size_range(least, most)} a call"


@dataclass(frozen=True)
class Estimate:
    """What filling a table's dates would bill."""

    table: Table
    wanted: Wanted
    seasons: tuple[Sampled, ...]

    @property
    def bytes(self) -> tuple[float, float]:
        ends = [billing.estimate(each.samples, each.sizes) for each in self.seasons]
        return sum(least for least, _ in ends), sum(most for _, most in ends)

    @property
    def calls(self) -> int:
        return sum(len(each.sizes) for each in self.seasons)

    @property
    def largest_call(self) -> tuple[int, int]:
        return max(each.largest for each in self.seasons)

    @property
    def data(self) -> dict:
        """What a forecast for a plan is made of later."""
        seasons = {each.season.name: [list(sample) for sample in each.samples] for each in self.seasons}
        return {"table": self.table.name, billing.A_CALL: seasons}

    @property
    def how(self) -> str:
        """ "4 calls, by 6 dry runs: winter 30 to 40 MB a call, spring 30 MB a call"."""
        dry_runs = count(sum(len(each.samples) for each in self.seasons), "dry run")
        return (
            f"{count(self.calls, 'call')}, by {dry_runs}: {', '.join(each.in_words for each in self.seasons)}"
        )


class Late(Exception):
    """The check's time was over before a table's turn."""


def cost(asked: Cost, facts: Facts) -> Iterator[Finding]:
    """Each SQL job by itself, then all of them together against the ceilings. Programs cannot be estimated."""
    engine = facts.pipeline.warehouse
    if not (isinstance(facts.warehouse, Estimating) and isinstance(engine, BigQuery)):
        yield skipped(f"Does not apply: the engine {engine.engine} bills nothing for what is read.")
        return
    tables = facts.jobs(asked)
    if programs := [table for table in tables if table.job and not table.job.sql]:
        names = some(table.short_name for table in programs)
        yield skipped(f"Not estimable: the job is a program ({names}).", value=count(len(programs), "table"))
    until = time.monotonic() + asked.timeout
    estimates: list[Estimate] = []
    scripts = [table for table in tables if table.job and table.job.sql]
    for table in scripts:
        wanted = wanted_dates.dates_to_fill(facts, table)
        if not wanted.expected:
            yield skipped(f"{table.short_name}: no date of {facts.dates_in_words} is expected.")
            continue
        found = estimated(facts, facts.warehouse, table, wanted, until)
        if isinstance(found, Estimate):
            estimates.append(found)
            found = of_table(found, engine)
        yield found
    if estimates:
        yield together(asked, estimates, engine, of=len(scripts))


def estimated(
    facts: Facts, warehouse: Estimating, table: Table, wanted: Wanted, until: float
) -> Estimate | Finding:
    assert table.job and table.job.sql
    try:
        script = facts.pipeline.inside(table.job.sql).read_text(encoding="utf-8")
        seasons = tuple(
            sampled(warehouse, script, season, wanted.calls(facts, table.job, season), until)
            for season in facts.scope.seasons
            if any(date in season for date in wanted.expected)
        )
    except QueryFailed as error:
        return failed(f"The SQL of {table.short_name} would fail: {str(error).rstrip('.')}.")
    except Late:
        return unknown(f"The SQL of {table.short_name} could not be asked about: the time was over.")
    except (WarehouseError, OSError, UnicodeDecodeError) as error:
        return unknown(f"The SQL of {table.short_name} could not be asked about: {str(error).rstrip('.')}.")
    return Estimate(table, wanted, seasons)


def sampled(warehouse: Estimating, script: str, season: Season, calls: Calls, until: float) -> Sampled:
    """The first, the middle and the last call, as a run would make them, and one of the largest."""
    sizes = [len(call) for call in calls.all]
    places = {0, len(sizes) // 2, len(sizes) - 1}
    if max(sizes) > max(sizes[place] for place in places):
        places.add(sizes.index(max(sizes)))
    return Sampled(
        season=season,
        samples=tuple(dry(warehouse, script, calls.all[place], until) for place in sorted(places)),
        sizes=tuple(map(len, calls.to_fill)),
    )


def dry(warehouse: Estimating, script: str, call: Sequence[dt.date], until: float) -> Sample:
    left = until - time.monotonic()
    if left <= 0:
        raise Late
    return Sample(len(call), *warehouse.estimate(script, start=min(call), end=max(call), timeout=left))


# What is found ----------------------------------------------------------------------------------------


def of_table(found: Estimate, engine: BigQuery) -> Finding:
    name, (least, most) = found.table.short_name, found.largest_call
    said = f"{name}: {found.wanted.in_words} would bill {size_range(*found.bytes)}."
    shown = {
        "value": billing.cost_range(*found.bytes, engine),
        "threshold": f"byte_limit: {size(engine.byte_limit)} a call",
        "detail": found.how,
        "data": found.data,
    }
    call = f"a call would bill {size_range(least, most)}, and byte_limit allows {size(engine.byte_limit)}"
    if least > engine.byte_limit:
        return failed(f"{said} BigQuery would refuse its calls: {call}.", **shown)
    if most > engine.byte_limit:
        return warned(f"{said} BigQuery may refuse its calls: {call}.", **shown)
    return passed(said, **shown)


def together(asked: Cost, estimates: Sequence[Estimate], engine: BigQuery, *, of: int) -> Finding:
    least, most = (sum(each.bytes[end] for each in estimates) for end in (0, 1))
    said = f"{len(estimates)} of {count(of, 'SQL job')} together would bill {size_range(least, most)}"
    shown = {"value": billing.cost_range(least, most, engine), "threshold": ceiling(asked, engine)}
    too_many_bytes = asked.at_most is not None and most > asked.at_most
    too_dear = asked.at_most_price is not None and billing.in_money(most, engine) > asked.at_most_price
    if too_many_bytes or too_dear:
        return failed(f"{said}: more than the check allows.", **shown)
    return passed(f"{said}.", **shown)


def ceiling(asked: Cost, engine: BigQuery) -> str:
    in_bytes = f"at most {size(asked.at_most)}" if asked.at_most is not None else ""
    price = asked.at_most_price
    in_money = f"at most {money(price, engine.currency)}" if price is not None else ""
    return ", ".join(filter(None, (in_bytes, in_money)))
