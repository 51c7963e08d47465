"""`manage.py check`, which also checks the scripts of SQL jobs and unfinished runs.

It fails for missing files of jobs; other commands only warn.
"""

from __future__ import annotations

from typing import Any

from django.core.management.base import SystemCheckError
from django.core.management.commands import check

from apps.pipeline import definition, files
from apps.text import count


class Command(check.Command):
    def handle(self, *app_labels: Any, **options: Any) -> None:
        from apps.cli import run_checks, script_checks  # noqa: F401  they register their checks

        super().handle(*app_labels, **options)
        if is_about_pipeline(options) and (gone := list(files.missing(definition.current()))):
            raise SystemCheckError(f"What jobs need is not there: {count(len(gone), 'path')}.")


def is_about_pipeline(options: dict[str, Any]) -> bool:
    return not options["list_tags"] and "pipeline" in (options["tags"] or ["pipeline"])
