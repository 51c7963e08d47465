from django.apps import AppConfig


class PipelineConfig(AppConfig):
    name = "apps.pipeline"

    def ready(self) -> None:
        from apps.pipeline import checks  # noqa: F401  (registers the check)
