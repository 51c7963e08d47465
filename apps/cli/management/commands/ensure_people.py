"""`manage.py ensure_people`: creates the groups, and with --demo a user in each."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from apps.people import demo as demo_people
from apps.people import roles


class Command(BaseCommand):
    help = "Creates the groups Viewer, Operator and Admin. Existing users stay unchanged."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--demo", action="store_true", help='also viewer, operator, admin; password "demo"'
        )

    def handle(self, *args: Any, demo: bool, **options: Any) -> None:
        if demo and not settings.DEMO:
            raise CommandError("Users with a public password are for a demo only: set DEMO=1 for one.")
        roles.ensure_groups()
        self.stdout.write(f"Groups: {', '.join(roles.PERMISSIONS)}")
        for name, role in demo_people.PEOPLE.items() if demo else ():
            created = roles.ensure_person(name, role, demo_people.PASSWORD)
            self.stdout.write(
                f'{name} ({role}): created, password "{demo_people.PASSWORD}"'
                if created
                else f"{name}: left unchanged"
            )
