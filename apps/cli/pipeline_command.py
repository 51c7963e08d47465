"""The base of commands about the pipeline: reading its file, refusing wrong arguments, printing JSON."""

from __future__ import annotations

import getpass
import json
import sys
from typing import Any

from django.core.management.base import BaseCommand
from django.core.serializers.json import DjangoJSONEncoder

from apps.coverage.scanning import changed_rules
from apps.coverage.sources.need_coverage import NotASource
from apps.coverage.sources.windows import NoSuchWindow
from apps.pipeline import definition
from apps.pipeline.definition import Pipeline, UnknownName
from apps.pipeline.scope import DoesNotFit
from apps.runs.plans.selections import PlanRefused

WRONG_ARGUMENTS = 2  # exit status
REFUSALS = (UnknownName, DoesNotFit, NotASource, NoSuchWindow, PlanRefused)


class PipelineCommand(BaseCommand):
    """`perform` gets the pipeline, its stored counts judged by the file as it is now. A refusal is an exit with 2."""

    # Checks of what a person sets. Django's own ones import all pages, a fifth of the time that a command takes.
    requires_system_checks = ("pipeline", "workers")

    def handle(self, *args: Any, **options: Any) -> None:
        pipeline = definition.current()
        changed_rules.apply_rule_changes(pipeline)
        try:
            self.perform(pipeline, options)
        except REFUSALS as refusal:
            self.stderr.write(str(refusal))
            sys.exit(WRONG_ARGUMENTS)

    def perform(self, pipeline: Pipeline, options: dict[str, Any]) -> None:
        raise NotImplementedError

    def write_json(self, values: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(values, cls=DjangoJSONEncoder))


def shell_user() -> str:
    """The user of the shell, as far as the machine knows."""
    try:
        return f"{getpass.getuser()} (shell)"
    except (KeyError, OSError):
        return "unknown (shell)"
