"""`manage.py calendar`: shows expected and removed dates, and confirms that removals are right."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone
from rich.console import Console

from apps.cli.pipeline_command import shell_user
from apps.coverage.calendar import calendar_report, removed_dates
from apps.coverage.calendar.calendar_report import SeasonCalendar
from apps.coverage.calendar.removed_dates import CannotConfirm, number
from apps.pipeline import definition
from apps.pipeline.arguments import terminal


class Command(BaseCommand):
    help = "Shows expected dates by season, and those that left the calendar. Exit 1 while these are not confirmed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--confirm", type=int, metavar="N", help="confirm that it is right that these N dates left"
        )
        parser.add_argument("--note", default="", help="why it is right, for the record")

    def handle(self, *args: Any, **options: Any) -> None:
        console = terminal(self.stdout, soft_wrap=True)
        if options["confirm"] is not None:
            self.confirm(console, options["confirm"], options["note"])
            return
        report = calendar_report.report(definition.current(), now=timezone.now())
        console.print(f"Calendar {report.known.in_words}")
        for season in report.seasons:
            console.print(season_in_words(season))
        if removed := removed_dates.open_now():
            console.print(f"{removed.sentence}. {removed.consequence}", style="bold red")
            for part in removed.parts:
                console.print(f"  {part.sentence}")
            console.print(f"If that is right: manage.py calendar --confirm {removed.count} --note WHY")
            sys.exit(1)

    def confirm(self, console: Console, seen: int, note: str) -> None:
        try:
            count = removed_dates.confirm(by=shell_user(), at=timezone.now(), seen=seen, note=note)
        except CannotConfirm as refusal:
            self.stderr.write(str(refusal))
            sys.exit(1)
        console.print(f"Confirmed: {number(count)} left the calendar.")


def season_in_words(season: SeasonCalendar) -> str:
    """ "2024-25: 37 dates, 2024-10-22 to 2024-11-29; 120 days are not over yet"."""
    dates = f"{number(season.dates)}, {season.first} to {season.last}" if season.dates else "no dates"
    left = f"; {season.to_come:,} day{' is' if season.to_come == 1 else 's are'} not over yet"
    return f"{season.season.name}: {dates}{left if season.to_come else ''}"
