from django.apps import AppConfig


class WorkersConfig(AppConfig):
    name = "apps.workers"

    def ready(self) -> None:
        from django_q import signals

        from . import beats, checks  # noqa: F401

        # Of a cluster's processes only the workers send these.
        signals.post_spawn.connect(beats.worker_spawned)
        signals.pre_execute.connect(beats.task_begins)
        signals.post_execute_in_worker.connect(beats.task_ended)
