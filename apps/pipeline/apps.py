import os
from contextlib import suppress

from django.apps import AppConfig

from apps import masking


class PipelineConfig(AppConfig):
    name = "apps.pipeline"

    def ready(self) -> None:
        from apps.pipeline import (
            checks,  # noqa: F401  (registers the check)
            definition,
        )

        masking.learn(os.environ)
        with suppress(definition.PipelineError):  # a system check reports it
            definition.current()  # registers the secrets of jobs, before a page shows a log
