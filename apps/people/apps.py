from typing import Any

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate


class PeopleConfig(AppConfig):
    name = "apps.people"

    def ready(self) -> None:
        # Sent once for every app that has models: at the last one, the permissions of all are there.
        last = [app for app in apps.get_app_configs() if app.models_module][-1]
        post_migrate.connect(ensure_groups, sender=last)


def ensure_groups(using: str, **_: Any) -> None:
    from . import roles

    roles.ensure_groups(using)
