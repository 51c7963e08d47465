from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class CoverageConfig(AppConfig):
    name = "apps.coverage"

    def ready(self) -> None:
        post_migrate.connect(ensure_schedule, sender=self)


def ensure_schedule(**kwargs: Any) -> None:
    from apps.coverage import tasks

    tasks.ensure_schedule()
