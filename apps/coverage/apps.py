from typing import Any

from django.apps import AppConfig


class CoverageConfig(AppConfig):
    name = "apps.coverage"

    def ready(self) -> None:
        from apps.workers.signals import preloading, tick, worker_started

        # The pipeline file may be another one than when the console ran last.
        tick.connect(follow_file)
        worker_started.connect(follow_file)
        preloading.connect(import_engine)


def follow_file(**kwargs: Any) -> None:
    from apps.coverage.scanning import changed_rules
    from apps.pipeline import definition

    changed_rules.apply_rule_changes(definition.current())


def import_engine(**kwargs: Any) -> None:
    from apps.coverage.scanning import warehouses
    from apps.pipeline import definition

    warehouses.open_warehouse(definition.current())  # which imports the engine and asks it nothing
