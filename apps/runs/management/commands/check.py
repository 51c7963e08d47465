"""`manage.py check`, which reads the scripts of SQL jobs too: that takes longer than other commands should wait."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import check


class Command(check.Command):
    def handle(self, *app_labels: Any, **options: Any) -> None:
        from apps.runs import script_checks  # noqa: F401  registers its check

        super().handle(*app_labels, **options)
