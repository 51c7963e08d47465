"""Checks of the console itself: workers, other runs, disks, mail."""

import socket

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink

from apps.runs.preflight.finding import Level
from tests.conftest import day
from tests.runs.preflight.conftest import finding


def test_preflight_is_not_ready_without_workers_and_shows_the_start_command(checked):
    told = checked()

    assert finding(told, "workers").text == "No worker of cluster main has reported yet."
    assert finding(told, "workers").command == ".venv/bin/python manage.py serve"
    assert "Workers" in told.why


def test_worker_check_passes_with_live_workers(checked, workers):
    assert finding(checked(), "workers").value == "2 alive"


def test_another_run_is_named_with_its_dates(checked, launch):
    run = launch(tables=["daily.sales"], start=day("01-01"), end=day("01-05"))

    found = finding(checked(tables=["daily.sales"]), "overlap")

    assert found.level == Level.FAILURE
    assert (
        f"Run {run.pk} (sales, 2024-01-01 to 2024-01-05, launched by olga, queued, 0 of 5 steps verified)"
        in found.text
    )
    assert found.link == run.get_absolute_url()


def test_a_run_of_other_tables_does_not_overlap(checked, launch):
    launch(tables=["daily.visits"], start=day("01-01"), end=day("01-05"))

    assert finding(checked(tables=["daily.sales"]), "overlap").level == Level.PASS


def test_a_disk_with_less_room_than_wanted_fails(checked, configure):
    configure('[[check]]\nname = "Disk"\nkind = "disk"\nfree_mb = 1000000000')

    assert finding(checked(), "disk").level == Level.FAILURE


def test_a_mail_server_that_answers_passes(checked, settings):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Controller(Sink(), hostname="127.0.0.1", port=port)
    server.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port

    found = finding(checked(), "mail")
    server.stop()

    assert (found.level, found.value) == (Level.PASS, "127.0.0.1")


def test_unreachable_mail_server_gives_a_warning(checked, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9

    found = finding(checked(), "mail")

    assert found.level == Level.WARNING and "127.0.0.1 does not answer: ConnectionRefusedError" in found.text


def test_file_based_mail_backend_is_reported(checked, settings, tmp_path):
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = tmp_path

    assert finding(checked(), "mail").text.startswith("No mail leaves: EMAIL_URL is not set")
