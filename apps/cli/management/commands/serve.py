"""`manage.py serve`: runs the whole console until Ctrl-C."""

from __future__ import annotations

import logging
import os
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Collection
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connections
from django.utils import timezone

from apps.workers.checks import clusters
from apps.workers.launcher import CannotServe, Launcher
from apps.workers.models import Worker
from apps.workers.naming import NameTaken
from apps.workers.process_record import AlreadyServed

PARTS = (Worker.WEB, *(name for name, _ in clusters()))


class Command(BaseCommand):
    help = "Runs the web server and the workers, restarts what dies, and stops all of them with Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
        parser.add_argument("--port", type=int, default=settings.PORT, help="port (8000)")
        parser.add_argument("--no-web", action="store_true", help="only the workers: --only main runs")
        parser.add_argument(
            "--only", nargs="+", choices=PARTS, metavar="PART", help=f"some of {', '.join(PARTS)} (all)"
        )
        parser.add_argument(
            "--runs-workers", type=at_least_one, metavar="N", help="how many runs go on here at a time (1)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["verbosity"] < 2:
            logging.getLogger("django-q").setLevel(logging.WARNING)
        _need_tables()
        parts = chosen_parts(options["only"] or PARTS, no_web=options["no_web"])
        if options["runs_workers"] and "runs" not in parts:
            raise CommandError(
                "--runs-workers without the part runs: add it to --only, or leave the number out."
            )
        launcher = Launcher(
            parts=parts,
            host=options["host"],
            port=options["port"],
            runs_workers=options["runs_workers"] or 1,
            say=say,
        )
        try:
            launcher.run()
        except (AlreadyServed, NameTaken, CannotServe) as refusal:
            raise CommandError(str(refusal)) from refusal


def chosen_parts(only: Collection[str], *, no_web: bool) -> list[str]:
    """In the order in which they start."""
    parts = [part for part in PARTS if part in only and not (no_web and part == Worker.WEB)]
    if not parts:
        raise CommandError("--only web and --no-web leave nothing to serve: leave one of them out.")
    return parts


def at_least_one(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < int(text[:4]) < 1000):
        raise ArgumentTypeError(f"{text} is not a number of workers; write 1 or more")
    return int(text)


def say(text: str) -> None:
    """Print one line, with the time. A closed output does not stop the console."""
    try:
        print(f"{timezone.now():%H:%M:%S} serve: {text}", flush=True)
    except (OSError, ValueError):
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - for the rest of this process


def _need_tables() -> None:
    try:
        Worker.objects.exists()
    except DatabaseError as error:
        raise CommandError(f"The database is not ready ({error}): run `manage.py migrate` first.") from error
    finally:
        connections.close_all()
