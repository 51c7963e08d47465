"""The check that asks what the SQL jobs would bill, by dry runs on some dates of each season."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from apps.pipeline.check_kinds import Cost
from apps.pipeline.definition import BigQuery, Job, Season, Table
from apps.runs import batching, costs
from apps.runs.preflight import dates as wanted_dates
from apps.runs.preflight.dates import Wanted
from apps.runs.preflight.engines import Estimating
from apps.runs.preflight.facts import Facts
from apps.runs.preflight.finding import Finding, failed, passed, skipped, some, unknown, warned
from apps.runs.preflight.registry import check
from apps.runs.words import count, money, size, size_range
from apps.warehouse.base import QueryFailed, WarehouseError


@dataclass(frozen=True)
class Sampled:
    """Bytes a date of a season, at least and at most, and the most that a single call would bill."""

    season: Season
    least: float
    most: float
    call: tuple[int, int]
    calls: int


@dataclass(frozen=True)
class Estimate:
    """What filling a table's dates would bill."""

    table: Table
    wanted: Wanted
    samples: tuple[Sampled, ...]

    @property
    def bytes(self) -> tuple[float, float]:
        dates = [(each, sum(date in each.season for date in self.wanted.to_fill)) for each in self.samples]
        return sum(n * each.least for each, n in dates), sum(n * each.most for each, n in dates)

    @property
    def largest_call(self) -> tuple[int, int]:
        return max(each.call for each in self.samples)

    @property
    def data(self) -> dict:
        """What a forecast for a plan is made of later."""
        seasons = {each.season.name: [each.least, each.most] for each in self.samples}
        return {"table": self.table.name, costs.A_DATE: seasons}

    @property
    def how(self) -> str:
        """ "by 6 dry runs: winter 30 to 40 MB a date, spring 30 MB a date"."""
        a_date = (f"{each.season.name} {size_range(each.least, each.most)} a date" for each in self.samples)
        return f"by {count(sum(each.calls for each in self.samples), 'dry run')}: {', '.join(a_date)}"


class Late(Exception):
    """The check's time was over before a table's turn."""


@check("cost", asks_warehouse=True)
def cost(asked: Cost, facts: Facts) -> Iterator[Finding]:
    """Each SQL job by itself, then all of them together against the ceilings. Of programs nobody can tell."""
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
        wanted = wanted_dates.of(facts, table)
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
        samples = tuple(
            sampled(warehouse, script, table.job, season, dates, until)
            for season, dates in wanted.by_season(facts)
        )
    except QueryFailed as error:
        return failed(f"The SQL of {table.short_name} would fail: {str(error).rstrip('.')}.")
    except Late:
        return unknown(f"The SQL of {table.short_name} could not be asked about: the time was over.")
    except (WarehouseError, OSError, UnicodeDecodeError) as error:
        return unknown(f"The SQL of {table.short_name} could not be asked about: {str(error).rstrip('.')}.")
    return Estimate(table, wanted, samples)


def sampled(
    warehouse: Estimating, script: str, job: Job, season: Season, dates: Sequence[dt.date], until: float
) -> Sampled:
    """The calls that take the first, the middle and the last date, as a run would make them."""
    calls = calls_of(dates, batching.dates_a_call(job, None))
    found = [(asked(warehouse, script, call, until), len(call)) for call in calls]
    return Sampled(
        season=season,
        least=min(least / n for (least, _), n in found),
        most=max(most / n for (_, most), n in found),
        call=max(both for both, _ in found),
        calls=len(calls),
    )


def calls_of(dates: Sequence[dt.date], at_once: int) -> list[tuple[dt.date, ...]]:
    latest = max(len(dates) - at_once, 0)
    begins = {min(place, latest) for place in (0, len(dates) // 2, len(dates) - 1)}
    return [tuple(dates[begin : begin + at_once]) for begin in sorted(begins)]


def asked(warehouse: Estimating, script: str, call: Sequence[dt.date], until: float) -> tuple[int, int]:
    left = until - time.monotonic()
    if left <= 0:
        raise Late
    return warehouse.estimate(script, start=min(call), end=max(call), timeout=left)


# What is found ----------------------------------------------------------------------------------------


def of_table(found: Estimate, engine: BigQuery) -> Finding:
    name, (least, most) = found.table.short_name, found.largest_call
    said = f"{name}: {found.wanted.in_words} would bill {size_range(*found.bytes)}."
    shown = {
        "value": costs.in_words(*found.bytes, engine),
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
    shown = {"value": costs.in_words(least, most, engine), "threshold": ceiling(asked, engine)}
    too_many_bytes = asked.at_most is not None and most > asked.at_most
    too_dear = asked.at_most_price is not None and costs.in_money(most, engine) > asked.at_most_price
    if too_many_bytes or too_dear:
        return failed(f"{said}: more than the check allows.", **shown)
    return passed(f"{said}.", **shown)


def ceiling(asked: Cost, engine: BigQuery) -> str:
    in_bytes = f"at most {size(asked.at_most)}" if asked.at_most is not None else ""
    price = asked.at_most_price
    in_money = f"at most {money(price, engine.currency)}" if price is not None else ""
    return ", ".join(filter(None, (in_bytes, in_money)))
