from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_save


class AlertsConfig(AppConfig):
    name = "apps.alerts"

    def ready(self) -> None:
        # Runs write events and do not know who reads them.
        post_save.connect(event_saved, sender="runs.Event")


def event_saved(**kwargs: Any) -> None:
    from apps.alerts import tasks

    tasks.event_saved(**kwargs)
