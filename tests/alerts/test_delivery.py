"""How mails leave, with a real mail server; and what is kept when they do not."""

import datetime as dt
import threading

import pytest
import time_machine
from aiosmtpd.controller import Controller
from django.db import connection, transaction
from django.utils import timezone
from django_q.models import OrmQ, Schedule

from apps import timing
from apps.alerts import delivery, messages, tasks
from apps.alerts.models import Message
from apps.runs.models import Run
from apps.workers.tasks import ensure_schedules
from tests.alerts.conftest import WEEK, Inbox

MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def failed_run(launch, drive, fault) -> Run:
    fault("daily.sales", "01-03", "silent")
    return drive(launch(tables=["daily.sales"], **WEEK))


@pytest.fixture
def message(db) -> Message:
    """A message that waits."""
    return Message.objects.create(
        subject="FAILED 1/6 - sales", to=["team@shop.example"], text="text", html="<p>html"
    )


def deliver_at(moment: dt.datetime, message: Message) -> None:
    with time_machine.travel(moment, tick=False):
        delivery.send_due()
    message.refresh_from_db()


# It arrives ---------------------------------------------------------------------------------------


def test_a_mail_arrives_with_text_html_and_the_csv(failed_run, inbox):
    tasks.deliver()

    (mail,) = inbox.mails
    assert mail["Subject"] == "FAILED 1/6 - sales, 2024-01-01 to 2024-01-06"
    assert mail["To"] == "team@shop.example"
    assert "5 of 6 verified" in mail.get_body("plain").get_content()
    assert "5 of 6 verified" in mail.get_body("html").get_content()
    (attached,) = mail.iter_attachments()
    assert attached.get_filename() == f"failures-run-{failed_run.pk}.csv"
    assert "daily.sales,2024-01-03,failed" in attached.get_content()


@pytest.mark.postgresql
def test_delivered_message_is_marked_as_sent(failed_run, inbox):
    tasks.deliver()

    message = Message.objects.get()
    assert (message.status, message.problem, message.tries) == (Message.Status.SENT, "", 1)
    assert message.sent_at


def test_mails_about_a_run_form_one_thread_and_suppress_auto_replies(failed_run, inbox):
    tasks.deliver()

    (mail,) = inbox.mails
    assert mail["References"] == f"<run-{failed_run.pk}@console.example>"
    assert mail["Auto-Submitted"] == "auto-generated"


@pytest.mark.postgresql
def test_two_workers_at_once_send_one_mail(failed_run, inbox):
    together = threading.Barrier(2)

    def deliver() -> None:
        together.wait()
        tasks.deliver()
        connection.close()

    workers = [threading.Thread(target=deliver) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert len(inbox.mails) == Message.objects.count() == 1


@pytest.mark.postgresql
def test_event_already_reported_by_another_worker_creates_no_second_message(failed_run, team):
    (event,) = messages.due_events()
    messages.create_messages()

    assert messages.create_message(event) is False
    assert Message.objects.count() == 1


# It is asked for ----------------------------------------------------------------------------------


def test_end_of_a_run_queues_a_delivery_at_once(failed_run):
    assert {task.func() for task in OrmQ.objects.filter(key="main")} == {"apps.alerts.tasks.deliver"}


@pytest.mark.postgresql
def test_event_that_is_rolled_back_queues_no_delivery(failed_run):
    OrmQ.objects.all().delete()
    with transaction.atomic():
        failed_run.record("failed", "did not happen")
        transaction.set_rollback(True)

    assert not OrmQ.objects.exists()


def test_run_succeeds_even_if_the_delivery_cannot_be_queued(launch, drive, monkeypatch):
    monkeypatch.setattr(tasks, "deliver_later", lambda: 1 / 0)

    assert drive(launch(tables=["daily.sales"], **WEEK)).status == Run.Status.SUCCEEDED


@pytest.mark.postgresql
def test_delivery_is_scheduled_once_to_run_every_minute(db):
    ensure_schedules()
    ensure_schedules()

    schedule = Schedule.objects.get(name="deliver messages")
    assert (schedule.func, schedule.minutes, schedule.cluster) == ("apps.alerts.tasks.deliver", 1, "main")


# It does not arrive -------------------------------------------------------------------------------


def test_message_waits_and_the_run_is_unaffected_if_the_mail_server_is_down(failed_run, smtp_port):
    tasks.deliver()

    message = Message.objects.get()
    assert message.status == Message.Status.WAITING
    assert "ConnectionRefusedError" in message.problem
    failed_run.refresh_from_db()
    assert failed_run.status == Run.Status.FAILED


def test_a_mail_is_tried_again_when_the_server_is_back(message, smtp_port):
    delivery.send_due()
    inbox = Inbox()
    server = Controller(inbox, hostname="127.0.0.1", port=smtp_port)
    server.start()

    deliver_at(timezone.now() + MINUTE, message)
    server.stop()

    assert message.is_sent
    assert len(inbox.mails) == 1


def test_a_mail_is_not_tried_again_before_its_pause_is_over(message, smtp_port):
    delivery.send_due()

    deliver_at(timezone.now() + MINUTE / 2, message)

    assert message.tries == 1


def test_retries_follow_the_backoff_schedule_and_then_the_message_fails(message, smtp_port):
    moment = timezone.now()
    for pause in timing.MAIL_RETRY_AFTER:
        deliver_at(moment, message)
        assert (message.status, message.next_try_at) == (Message.Status.WAITING, moment + pause)
        moment += pause

    deliver_at(moment, message)

    assert (message.status, message.delivery) == (
        Message.Status.FAILED,
        f"not sent, tried {len(timing.MAIL_RETRY_AFTER) + 1} times",
    )


@pytest.mark.postgresql
def test_delivery_claimed_by_a_dead_worker_is_retried(message, inbox):
    moment = timezone.now()
    assert message.claim(moment)

    deliver_at(moment + MINUTE, message)

    assert message.is_sent


def test_a_refusal_by_the_server_is_kept_word_for_word(message, inbox, monkeypatch):
    async def refuse(server, session, envelope) -> str:
        return "550 mailbox unavailable"

    monkeypatch.setattr(inbox, "handle_DATA", refuse)

    deliver_at(timezone.now(), message)

    assert "mailbox unavailable" in message.problem


# Nobody to send to --------------------------------------------------------------------------------


def test_message_without_recipients_fails_and_names_the_setting(failed_run):
    tasks.deliver()

    message = Message.objects.get()
    assert message.status == Message.Status.FAILED
    assert "set ALERTS_TO" in message.problem


def test_message_without_recipients_is_resent_to_the_current_recipients(failed_run, inbox, settings):
    settings.ALERTS_TO = []
    tasks.deliver()
    settings.ALERTS_TO = ["new@shop.example"]

    messages.send_again(Message.objects.get())
    tasks.deliver()

    assert inbox.mails[0]["To"] == "new@shop.example"


def test_demo_writes_a_mail_without_recipients_to_the_outbox_folder(failed_run, settings, tmp_path):
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.OUTBOX_DIR = settings.EMAIL_FILE_PATH = tmp_path / "outbox"

    tasks.deliver()

    (file,) = (tmp_path / "outbox").iterdir()
    assert "Subject: FAILED 1/6" in file.read_text()
    assert Message.objects.get().to == ["operator@localhost"]
