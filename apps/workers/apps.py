from django.apps import AppConfig


class WorkersConfig(AppConfig):
    name = "apps.workers"

    def ready(self) -> None:
        from django_q import signals

        from . import checks, heartbeat, schedules  # noqa: F401

        # Of a cluster's processes only the workers send these.
        signals.post_spawn.connect(heartbeat.worker_spawned)
        signals.pre_execute.connect(heartbeat.task_begins)
        signals.post_execute_in_worker.connect(heartbeat.task_ended)
        schedules.every(
            schedules.DAY, "apps.workers.tasks.prune", name="clear up after the workers", app=self
        )
