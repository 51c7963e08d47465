"""What `manage.py serve` is told to serve; nothing is started here."""

import pytest
from django.core.management import CommandError, call_command

from apps.workers import launcher

pytestmark = pytest.mark.django_db


@pytest.fixture
def serve(monkeypatch):
    """The launcher that the command would run."""

    def told(*arguments):
        started = []
        monkeypatch.setattr(launcher.Launcher, "run", lambda self: started.append(self))
        call_command("serve", *arguments, skip_checks=True)
        return started[0]

    return told


def test_serve_without_options_serves_all_parts(serve):
    assert serve().parts == ["web", "main", "runs"]


def test_a_second_machine_can_offer_runs_only(serve):
    told = serve("--only", "runs", "--runs-workers", "3")

    assert told.parts == ["runs"]
    assert told.runs_workers == 3


def test_no_web_serves_only_the_clusters(serve):
    assert serve("--no-web").parts == ["main", "runs"]


@pytest.mark.parametrize("number", ["0", "-1", "two", "1000000"])
def test_invalid_number_of_workers_is_rejected(serve, number):
    with pytest.raises(CommandError, match="is not a number of workers; write 1 or more"):
        serve(f"--runs-workers={number}")


def test_runs_workers_option_without_runs_is_rejected(serve):
    with pytest.raises(CommandError, match="add it to --only, or leave the number out"):
        serve("--only", "web", "--runs-workers", "2")


def test_options_that_leave_nothing_to_serve_are_rejected(serve):
    with pytest.raises(CommandError, match="leave nothing to serve"):
        serve("--only", "web", "--no-web")
