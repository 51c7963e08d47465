"""What all commands about the pipeline share."""

from django.core.management import call_command
from django.core.management.base import BaseCommand


def test_commands_run_the_checks_of_the_pipeline_and_of_the_workers_only(monkeypatch, first_scan):
    asked = []
    monkeypatch.setattr(BaseCommand, "check", lambda command, *, tags=None, **_: asked.append(tags))

    call_command("coverage", skip_checks=False)

    assert [set(tags) for tags in asked] == [{"pipeline", "workers"}]
