#!/usr/bin/env python
"""Django's command line: `manage.py help` lists the commands."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backfill_console.settings")
    try:
        from django.core.management import execute_from_command_line

        from backfill_console.startup import or_one_sentence
    except ImportError as error:
        raise SystemExit("Django is not here: use .venv/bin/python, which `make setup` makes.") from error
    with or_one_sentence():
        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
