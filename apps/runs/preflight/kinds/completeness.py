"""Checks of what is complete: tables, phases and needs over the range, what is read from before it, the calendar."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace

from django.urls import reverse

from apps.coverage import date_lists
from apps.coverage.calendar import removed_dates
from apps.coverage.counts import rollup, serving
from apps.coverage.counts.serving import Share
from apps.pipeline import definition
from apps.pipeline.check_kinds import CoverageAtLeast, Lookback, SeasonsHaveDates
from apps.pipeline.sections import Need, Season, Table
from apps.runs.dependencies import gates, inputs
from apps.runs.preflight.facts import Facts
from apps.runs.preflight.finding import Finding, Level, failed, noted, passed, skipped, unknown, warned
from apps.text import count, date_ranges, successor

MOST_RANGES = 4


def coverage(asked: CoverageAtLeast, facts: Facts) -> Iterator[Finding]:
    """Without names it is about the needs of the tables asked for."""
    for phase in asked.phases:
        yield of_phase(facts, phase, 1.0 if asked.at_least is None else asked.at_least)
    for name in asked.tables:
        yield of_table(facts, facts.pipeline.table(name), 1.0 if asked.at_least is None else asked.at_least)
    for need in needs(asked, facts):
        yield of_need(facts, need, need.at_least if asked.at_least is None else asked.at_least)


def needs(asked: CoverageAtLeast, facts: Facts) -> list[Need]:
    own = {table.name for table in facts.scope.tables}
    if asked.needs:
        return [need for need in facts.pipeline.needs if need.name in asked.needs]
    if asked.names_any:
        return []
    return [need for need in facts.pipeline.needs if own & {*need.used_by, *need.sources}]


def of_phase(facts: Facts, name: str, at_least: float) -> Finding:
    phase = rollup.phase_coverage(facts.pipeline, facts.pipeline.phase(name), facts.grid)
    each = ", ".join(f"{table.table.short_name} {table.tally.in_words}" for table in phase.tables)
    missing = [
        date for date, letter in zip(facts.grid.dates, phase.shown, strict=True) if letter not in "cna"
    ]
    tally = phase.tally
    found = compared(
        phase.phase.full_label, tally.share, at_least, missing, facts, tally.left_out, detail=each
    )
    if found.level == Level.PASS and phase.unknown:
        # Another table's gap makes the dates certain; what could not be read does not pass for that.
        return replace(
            found, level=Level.UNKNOWN, text=f"{phase.phase.full_label} could not be read as a whole."
        )
    return found


def of_table(facts: Facts, table: Table, at_least: float) -> Finding:
    states = facts.grid.states[table.name]
    tally = rollup.tally(states, facts.grid.activities[table.name])
    missing = [date for date, letter in zip(facts.grid.dates, states, strict=True) if letter in "mtesu"]
    return compared(table.name, tally.share, at_least, missing, facts, tally.left_out)


def of_need(facts: Facts, need: Need, at_least: float) -> Finding:
    letters = serving.serving(need, facts.grid.states)
    served = serving.tally(need, letters)
    missing = [date for date, letter in zip(facts.grid.dates, letters, strict=True) if letter in "mu"]
    by_source = ", ".join(
        f"{definition.short_name(name)} {number:,}"
        for name, number in zip(need.sources, served.by_source, strict=True)
    )
    detail = f"Served by {by_source}"
    return compared(
        f"Need {need.name}", served.together, at_least, missing, facts, served.left_out, detail=detail
    )


def compared(
    what: str,
    share: Share,
    at_least: float,
    missing: list[dt.date],
    facts: Facts,
    left_out: str,
    *,
    detail: str = "",
) -> Finding:
    """A share against its threshold. What is unknown may be there: it neither passes nor fails.

    `left_out` says what is not in the share's denominator, and why.
    """
    value = f"{share.in_words}; {left_out}" if left_out else share.in_words
    said = {"value": value, "threshold": f"at least {100 * at_least:g} %", "detail": detail}
    dates = date_ranges(missing, most=MOST_RANGES, after=successor(facts.grid.dates))
    if not share.whole:
        return skipped(f"{what}: no date of {facts.dates_in_words} is expected.", **said)
    if share.part + share.unknown < at_least * share.whole:
        return failed(f"{what} is not complete: {dates}.", link="/coverage/", **said)
    if share.unknown:
        return unknown(f"{what} could not be read on {count(share.unknown, 'date')}.", **said)
    if not missing:
        return passed(f"{what} is complete.", **said)
    enough = "is complete enough" if at_least else "was read"
    return passed(f"{what} {enough}; not there: {dates}.", **said)


def lookback(asked: Lookback, facts: Facts) -> Iterator[Finding]:
    """Inputs that this launch does not fill, before its first date or of tables that it leaves out: what reads them
    would be skipped."""
    readers = [table for table in facts.scope.tables if table.after]
    if not readers:
        yield passed("These tables read no other table of the pipeline.")
        return
    found = [finding for table in readers for finding in of_inputs(facts, table)]
    yield from found or [passed("All that these tables read from before is complete.")]


def of_inputs(facts: Facts, table: Table) -> Iterator[Finding]:
    own = {each.name for each in facts.scope.tables}
    first, last = facts.scope.start, facts.scope.end
    back = max(needed.lookback for needed in table.after)
    known = gates.known_inputs(
        [needed.table for needed in table.after], first - dt.timedelta(days=back), last
    )
    for needed in table.after:
        until = first - dt.timedelta(days=1) if needed.table in own else last
        left = known[needed.table].up_to(until)
        answers = [inputs.answer(needed, date, left) for date in facts.grid.dates if first <= date <= last]
        unread = {date for answer in answers for date in answer.unread}
        gaps = {gap.date for answer in answers for gap in answer.gaps}
        if not (gaps or unread):
            continue
        dates = sorted(gaps | unread)
        read = definition.short_name(needed.table)
        said = f"{table.short_name} reads {read}, not complete on {date_ranges(dates, most=3)}"
        value = count(len(dates), "date")
        if not gaps:
            yield unknown(f"{said}: it could not be read there.", value=value)
        else:
            yield failed(f"{said}.", value=value, **remedy(facts.pipeline.table(needed.table), dates))


def remedy(table: Table, dates: list[dt.date]) -> dict[str, str]:
    """Where these gaps are planned; a source is not the console's to fill."""
    if table.is_source:
        return {"link": "/coverage/"}
    return {
        "link": f"{reverse('runs:new')}?{date_lists.query(table.name, dates)}",
        "deed": "Plan these gaps",
    }


def calendar(asked: SeasonsHaveDates, facts: Facts) -> Iterator[Finding]:
    """Every season in the range has dates in it, and no past date waits to become final."""
    dates = {season.name: part.stop - part.start for season, part in facts.grid.seasons}
    for season in facts.scope.seasons:
        if season.start <= facts.scope.end and facts.scope.start <= season.end:
            yield of_season(facts, season, dates.get(season.name, 0))
    yield from of_removed_dates()
    yield from not_over(facts)
    if facts.pipeline.calendar.not_final:
        yield not_final(facts)


def of_season(facts: Facts, season: Season, dates: int) -> Finding:
    if dates:
        return passed(f"Season {season.name} has dates.", value=count(dates, "date"))
    today = facts.pipeline.today(facts.now)
    if season.start >= today:
        return noted(f"Season {season.name} begins on {season.start}.")
    if facts.scope.start >= today:
        return noted(f"Season {season.name} has no date that is over in {facts.dates_in_words}.")
    return failed(
        f"Season {season.name} has no expected date in {facts.dates_in_words}: the calendar is empty there.",
        link="/coverage/",
    )


def of_removed_dates() -> Iterator[Finding]:
    """Dates that left the calendar, in this range or another: who plans by it should know whether it is right."""
    removed = removed_dates.open_now()
    if removed:
        yield failed(
            f"{removed.sentence}, and no person confirmed it.",
            detail=removed.by_season,
            value=count(removed.count, "date"),
            link=f"{reverse('coverage:calendar')}#removed",
            deed="Look, and confirm that it is right",
        )


def not_over(facts: Facts) -> Iterator[Finding]:
    """Days of the range that are left out whatever the calendar says of them."""
    today = facts.pipeline.today(facts.now)
    days = [day for day in facts.scope.days if day >= today]
    if days:
        yield noted(
            f"Not over yet in {facts.pipeline.timezone}, so that nothing is expected: "
            f"{date_ranges(days, most=MOST_RANGES)}.",
            value=count(len(days), "day"),
        )


def not_final(facts: Facts) -> Finding:
    """Dates that are over and not final: they are in no denominator, so they would be forgotten."""
    said = facts.asked.said
    if said is None or said.not_final is None:
        why = said.problem if said else "the calendar was not asked"
        return unknown(f"Nobody could say which past dates are not final: {why}.")
    waiting = [date for date in said.not_final if date in facts.scope]
    if not waiting:
        return passed("No past date waits to become final.")
    return warned(
        f"Past dates that are not final, and so not expected: {date_ranges(waiting, most=MOST_RANGES)}.",
        value=count(len(waiting), "date"),
    )
