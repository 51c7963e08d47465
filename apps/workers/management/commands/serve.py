"""`manage.py serve`: the console, all of it, until Ctrl-C."""

from __future__ import annotations

import logging
import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connections
from django.utils import timezone

from apps.workers.launcher import CannotServe, Launcher
from apps.workers.models import Worker
from apps.workers.record import AlreadyServed


class Command(BaseCommand):
    help = "Runs the web server and the workers, restarts what dies, and stops all of them with Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
        parser.add_argument(
            "--port", type=int, default=int(os.environ.get("PORT", "8000")), help="port (8000)"
        )
        parser.add_argument("--no-web", action="store_true", help="only the workers")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["verbosity"] < 2:
            logging.getLogger("django-q").setLevel(logging.WARNING)
        _need_tables()
        host = None if options["no_web"] else options["host"]
        try:
            Launcher(host=host, port=options["port"], say=say).run()
        except (AlreadyServed, CannotServe) as refusal:
            raise CommandError(str(refusal)) from refusal


def say(text: str) -> None:
    """One line, with the time. Nobody listening is no reason to stop serving."""
    try:
        print(f"{timezone.now():%H:%M:%S} serve: {text}", flush=True)
    except (OSError, ValueError):
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - for the rest of this process's life


def _need_tables() -> None:
    try:
        Worker.objects.exists()
    except DatabaseError as error:
        raise CommandError(f"The database is not ready ({error}): run `manage.py migrate` first.") from error
    finally:
        connections.close_all()
