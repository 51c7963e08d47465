"""`manage.py windows`: the best dates for a first test, with the numbers that they are judged by."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from apps.cli.grids import Grid
from apps.cli.pipeline_command import PipelineCommand
from apps.coverage.calendar import removed_dates
from apps.coverage.counts import freshness
from apps.coverage.sources import windows
from apps.coverage.sources.windows import Window
from apps.pipeline import arguments
from apps.pipeline.arguments import terminal
from apps.pipeline.definition import Pipeline

NONE = (
    "None: no season has so many dates in a row without an open failure or a regression and with something to fill, or "
    "no source could be read so far"
)


class Command(PipelineCommand):
    help = "Shows the best stretches of expected dates for a test run. Exit 0, or 2 for wrong arguments."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=int, default=windows.DAYS, help="expected dates (default 14)")
        parser.add_argument("--season", action="append", default=[], help="a season; may be given again")
        parser.add_argument(
            "--start", type=arguments.date, metavar="DATE", help="one more window to compare, from this date"
        )
        arguments.add_json(parser)

    def perform(self, pipeline: Pipeline, options: dict[str, Any]) -> None:
        best, named = find(pipeline, options)
        if options["json"]:
            self.write_json({"best": list(map(as_json, best)), "named": as_json(named) if named else None})
        else:
            self.show(pipeline, best, named)

    def show(self, pipeline: Pipeline, best: list[Window], named: Window | None) -> None:
        console = terminal(self.stdout)
        console.print(f"Test windows, {freshness.now().in_words}")
        if removed := removed_dates.open_now():
            console.print(f"{removed.sentence}. {removed.consequence}", style="bold red")
        if not best:
            console.print(NONE)
        grid = Grid()
        grid.numbers("", "dates", left=True)
        grid.numbers("worst need", "left out", f"{pipeline.calendar.unit}s", "off the usual")
        for label, window in [*enumerate(best, 1), *([("named", named)] if named else [])]:
            grid.row(f"{label}", *row(window))
        grid.print_on(console)


def find(pipeline: Pipeline, options: dict[str, Any]) -> tuple[list[Window], Window | None]:
    days = windows.usable(options["days"])
    facts = windows.facts_of(pipeline, seasons=[pipeline.season(name) for name in options["season"]])
    named = windows.starting(facts, options["start"], days=days) if options["start"] else None
    return windows.best(facts, days=days), named


def row(window: Window) -> list[str]:
    return [
        f"{window.start} to {window.end}",
        window.worst.in_words,
        f"{window.excluded}",
        f"{window.units:,}",
        f"{window.off_usual} %",
    ]


def as_json(window: Window) -> dict[str, Any]:
    return {
        "start": f"{window.start}",
        "end": f"{window.end}",
        "season": window.season.name,
        "dates": len(window.dates),
        "is_complete": window.is_complete,
        "excluded": window.excluded,
        "units": window.units,
        "usual_units": window.usual_units,
        "off_usual_percent": window.off_usual,
        "needs": {
            each.need.name: {
                "dates": each.served.together.part,
                "of": each.served.together.whole,
                "unknown": each.served.unknown,
                "by_fallback": each.served.by_fallback,
            }
            for each in window.needs
        },
    }
