"""`manage.py sources`: which source serves which need, on how many dates; for a terminal or a program."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from rich.console import Console

from apps.cli.grids import Grid
from apps.cli.pipeline_command import PipelineCommand
from apps.coverage.calendar import removed_dates
from apps.coverage.counts.rollup import Tally
from apps.coverage.counts.serving import Served, Share
from apps.coverage.sources import need_coverage
from apps.coverage.sources.need_coverage import Effect, Fallback, NeedReport, Report, SourceLine
from apps.pipeline import arguments
from apps.pipeline.arguments import terminal
from apps.pipeline.definition import Pipeline
from apps.text import count


class Command(PipelineCommand):
    help = "Shows which source serves each need, and what no source has. Exit 0, or 2 for wrong arguments."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--season", action="append", default=[], help="a season; may be given again")
        parser.add_argument(
            "--off", action="append", default=[], metavar="SOURCE", help="compute without this source"
        )
        arguments.add_json(parser)

    def perform(self, pipeline: Pipeline, options: dict[str, Any]) -> None:
        seasons = [pipeline.season(name) for name in options["season"]]
        off = [need_coverage.find_source(pipeline, name) for name in options["off"]]
        report = need_coverage.report(pipeline, seasons=seasons, off=off)
        if options["json"]:
            self.write_json(as_json(report))
        else:
            show(terminal(self.stdout), report)


# For programs ---------------------------------------------------------------------------------------


def as_json(report: Report) -> dict[str, Any]:
    as_of = report.freshness.as_of
    return {
        "as_of": as_of.isoformat() if as_of else None,
        "problem": report.freshness.problem,
        "dates_expected": report.dates_expected,
        "off": [table.name for table in report.off],
        "needs": [need_as_json(need) for need in report.needs],
        "fallbacks": [fallback_as_json(each) for each in report.fallbacks],
        "effects": [effect_as_json(effect) for effect in report.effects],
    }


def share_as_json(share: Share, left_out: Served | Tally) -> dict[str, Any]:
    """`percent` is rounded down to hundredths, None if unknown; the dates are exact.

    Accepted and not expected dates are not in `of`.
    """
    return {
        "dates": share.part,
        "of": share.whole,
        "unknown": share.unknown,
        "percent": float(share.percent) if share.percent is not None else None,
        "accepted": left_out.accepted,
        "not_expected": left_out.not_expected,
    }


def need_as_json(need: NeedReport) -> dict[str, Any]:
    return {
        "name": need.need.name,
        "used_by": list(need.need.used_by),
        "at_least": need.need.at_least,
        "together": share_as_json(need.served.together, need.served),
        "seasons": {
            each.season.name: share_as_json(each.served.together, each.served) for each in need.seasons
        },
        "sources": [source_as_json(line) for line in need.sources],
        "no_source": need.residual,
        "unknown": need.unknown_dates,
        "closed": [
            {"reason": reason, "dates": number, "ranges": dates}
            for reason, number, dates in need.closed_reasons
        ],
    }


def source_as_json(line: SourceLine) -> dict[str, Any]:
    return {
        "table": line.table.name,
        "has": share_as_json(line.has, line.tally),
        "serves": line.serves,
        "standing": line.standing,
        "problem": line.problem,
    }


def fallback_as_json(each: Fallback) -> dict[str, Any]:
    shares = {f"{date}": share for date, share in sorted(each.shares.items())}
    return {"table": each.table.name, "dates_read": each.read, "shares": shares}


def effect_as_json(effect: Effect) -> dict[str, Any]:
    return {
        "table": effect.table.name,
        "closed": {f"{date}": reason for date, reason in sorted(effect.closed.items())},
        "to_fill": len(effect.to_fill),
        "behind": sorted(map(str, effect.behind)),
    }


# For people -----------------------------------------------------------------------------------------


def show(console: Console, report: Report) -> None:
    console.print(f"Sources over {report.dates_expected:,} expected dates, {report.freshness.in_words}")
    if removed := removed_dates.open_now():
        console.print(f"{removed.sentence}. {removed.consequence}", style="bold red")
    for need in report.needs:
        show_need(console, need)
    if report.off:
        console.print(f"\nWithout {', '.join(table.short_name for table in report.off)}:", style="bold")
        for effect in report.effects:
            console.print(f"  {effect.table.short_name}: {effect_text(effect)}")
        if said := ending(report):
            console.print(f"  {said}")


def ending(report: Report) -> str:
    """A note beside the effects: that there are none, or that more may be unknown."""
    if report.off_unknown:
        whether = "whether more gates would close" if report.effects else "whether any gate would close"
        return f"not known: {whether}; the other sources are unknown on {count(report.off_unknown, 'date')}"
    return "" if report.effects else "no gate would close"


def show_need(console: Console, need: NeedReport) -> None:
    console.print(f"\n{need.need.name}: {need.served.together.in_words} together", style="bold")
    grid = Grid()
    grid.text("  source, in order")
    grid.numbers("has", left=True)
    grid.numbers("serves")
    grid.text("")
    for line in need.sources:
        note = line.problem or line.standing or line.tally.left_out
        serves = "off" if line.is_off else f"{line.serves:,}"
        grid.row(f"  {line.rank} {line.table.short_name}", line.has.in_words, serves, note)
    grid.print_on(console)
    if left_out := need.served.left_out:
        dates = f": {need.accepted_dates}" if need.accepted_dates else ""
        console.print(f"  {left_out}{dates}")
    for label, dates in (("no source has", need.residual), ("unknown", need.unknown_dates)):
        if dates:
            console.print(f"  {label}: {dates}")
    for reason, number, dates in need.closed_reasons:
        said = f"  cannot be planned, {count(number, 'date')}: {reason} ({dates})"
        console.print(said)


def effect_text(effect: Effect) -> str:
    said = []
    if effect.closed:
        said.append(
            f"closes {count(len(effect.closed), 'date')}, {len(effect.to_fill):,} of them not filled yet "
            f"({'; '.join(effect.reasons)}; {effect.closed_dates})"
        )
    if effect.behind:
        said.append(f"behind such ones: {count(len(effect.behind), 'date')}")
    return "; ".join(said)
