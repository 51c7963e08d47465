"""Where the mails of these tests arrive."""

import socket
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from aiosmtpd.controller import Controller

from apps.alerts import tasks
from apps.alerts.models import Message
from apps.runs import control
from apps.runs.models import Run
from tests.conftest import day

WEEK = {"start": day("01-01"), "end": day("01-06")}


class Inbox:
    """What the mail server took, as parsed mails."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []

    async def handle_DATA(self, server, session, envelope) -> str:
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


@pytest.fixture
def smtp_port(settings) -> int:
    """Mails go out over SMTP to a port of this machine, where nobody listens yet."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    settings.ALERTS_TO = ["team@shop.example"]
    return port


@pytest.fixture
def inbox(smtp_port: int) -> Iterator[Inbox]:
    """A real mail server."""
    inbox = Inbox()
    server = Controller(inbox, hostname="127.0.0.1", port=smtp_port)
    server.start()
    yield inbox
    server.stop()


@pytest.fixture
def team(settings) -> None:
    """Somebody to send to; the mails stay in memory."""
    settings.ALERTS_TO = ["team@shop.example"]


@pytest.fixture
def told(team: None, drive: Callable[..., Run]) -> Callable[[Run], Message]:
    """Performs a run until it pauses or ends, and answers with the mail about it."""

    def perform(run: Run) -> Message:
        drive(run)
        tasks.deliver()
        return Message.objects.get(run_id=run.pk)

    return perform


@pytest.fixture
def launch_as(plan, pipeline) -> Callable[..., Run]:
    """Launches a run as a person with an account: `launch_as(operator, tables=["daily.sales"])`."""

    def make(by, **kwargs) -> Run:
        return control.launch(plan(**kwargs), pipeline, by=by, queued=False)

    return make
