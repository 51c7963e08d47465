import os

from django.apps import AppConfig

from apps import masking


class PipelineConfig(AppConfig):
    name = "apps.pipeline"

    def ready(self) -> None:
        from apps.pipeline import checks  # noqa: F401  (registers the check)

        masking.learn(os.environ)
