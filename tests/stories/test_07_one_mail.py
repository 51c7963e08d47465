"""7. One mail a date, 500 at once, then silenced; then the mail token expired and nobody knew. One mail a run and a
change of state, grouped; delivery is watched."""

import pytest

from apps.alerts import tasks
from apps.alerts.models import Message
from apps.cli.management.commands import backfill
from apps.runs.models import Preflight

pytestmark = pytest.mark.usefixtures("workers")


@pytest.fixture
def failed(launch, drive, fault, rows):
    """Four of 29 dates fail, of one cause."""
    rows("daily.sales", 8)
    for date in ("01-03", "01-08", "01-13", "03-05"):
        fault("daily.visits", date, "overflow")
    return lambda: drive(launch(tables=["daily.visits"]))


def test_many_failures_of_one_cause_are_one_mail_with_one_line(failed, inbox, console):
    run = failed()
    tasks.deliver()
    tasks.deliver()

    (mail,) = inbox.mails
    assert mail["Subject"].startswith("FAILED 4/29 - ")
    said = mail.get_body(("plain",)).get_content()
    assert "4 x failed: numeric overflow: amount … exceeds DECIMAL(5,2)" in said
    assert "4 not: 4 failed" in console.page(f"/runs/{run.pk}/summary/")
    assert [(each["count"], len(each["dates"])) for each in backfill.result(run)["signatures"]] == [(4, 4)]


def test_every_page_reports_an_undelivered_mail(failed, smtp_port, console):
    """No server listens there."""
    failed()
    tasks.deliver()

    assert Message.objects.undelivered().count() == 1
    for page in ("/", "/coverage/", "/runs/", "/sources/", "/preflight/", "/verify/"):
        assert "1 mail could not be sent: " in console.page(page)


def test_preflight_warns_if_the_mail_server_is_unreachable(smtp_port, console):
    code, printed = console.shell("preflight", "--table", "sales")
    report = Preflight.objects.get().get_absolute_url()
    told = console.fetch(f"{report.rstrip('/')}.json")
    (mail,) = [check for check in told["checks"] if check["kind"] == "mail"]

    assert code == 2
    assert (mail["level"], "127.0.0.1 does not answer" in mail["findings"][0]["text"]) == ("warning", True)
    assert mail["findings"][0]["text"] in printed
    assert mail["findings"][0]["text"] in console.page(report)
