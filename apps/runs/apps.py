from typing import Any

from django.apps import AppConfig


class RunsConfig(AppConfig):
    name = "apps.runs"

    def ready(self) -> None:
        from apps.workers.signals import tick, worker_started

        # A run whose worker died goes on when the launcher looks, or when the next worker starts.
        tick.connect(revive)
        worker_started.connect(revive)
        tick.connect(record_stalls)


def revive(**kwargs: Any) -> None:
    from apps.runs import tasks
    from apps.runs.engine import recovery

    recovery.kill_orphaned_processes()
    tasks.revive()


def record_stalls(**kwargs: Any) -> None:
    from django.utils import timezone

    from apps.runs.estimates import stalls

    stalls.record_all(timezone.now())
