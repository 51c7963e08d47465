from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class WorkersConfig(AppConfig):
    name = "apps.workers"

    def ready(self) -> None:
        from django_q import signals

        from . import checks, heartbeat  # noqa: F401

        # Of a cluster's processes only the workers send these.
        signals.post_spawn.connect(heartbeat.worker_spawned)
        signals.pre_execute.connect(heartbeat.task_begins)
        signals.post_execute_in_worker.connect(heartbeat.task_ended)
        post_migrate.connect(ensure_schedules, sender=self)


def ensure_schedules(**_: Any) -> None:
    from . import tasks

    tasks.ensure_schedules()
