"""Mails about runs that are not over: stalled, stopped, waiting for a release, failing in a new way."""

import datetime as dt

import pytest
import time_machine
from django.utils import timezone

from apps.alerts import tasks
from apps.alerts.models import Message
from apps.runs.models import Event, Run
from tests.alerts.conftest import WEEK

MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def running(launch, team) -> Run:
    """A run of six steps under way; what happens to it is written by hand."""
    run = launch(tables=["daily.sales"], **WEEK)
    Run.objects.filter(pk=run.pk).update(status=Run.Status.RUNNING, started_at=timezone.now())
    run.refresh_from_db()
    return run


@pytest.fixture
def paused(running):
    def pause(why: Run.PauseReason, says: str, **facts) -> Event:
        Run.objects.filter(pk=running.pk).update(status=Run.Status.PAUSED, pause_reason=why, **facts)
        return running.record("paused", says)

    return pause


def mail() -> Message:
    """What is told now; the newest, if there is any."""
    tasks.deliver()
    return Message.objects.order_by("id").last()


TITLE = "sales, 2024-01-01 to 2024-01-06"


def test_stalled_run_is_reported_with_a_link_to_its_attempt(running):
    running.attempts.create(number=1, table="daily.sales", dates=["2024-01-01"], lease="held")
    running.record("stalled", "No output and no finished step for 25 min; attempt 1 is under way")

    message = mail()

    assert message.subject == f"STALLED - {TITLE}: No output and no finished step for 25 min"
    assert f"https://console.example/runs/{running.pk}/attempts/1/" in message.text
    assert "0 of 6 verified; 6 not: 0 failed, 0 skipped, 0 cancelled, 6 left" in message.text


def test_run_that_has_ended_is_not_reported_as_stalled(running):
    running.record("stalled", "No output for 25 min")
    Run.objects.filter(pk=running.pk).update(status=Run.Status.SUCCEEDED)

    assert mail() is None


def test_mail_reports_a_canary_that_waits_for_its_release(paused):
    paused(Run.PauseReason.CANARY, "Canary done: 2 of 3 steps verified; the others wait for a release")

    message = mail()

    assert message.subject == f"WAITING - {TITLE}: Canary done"
    assert "the other dates follow when a person releases them" in message.text
    assert message.html.count("WAITING") == 2  # the title of the document and its head


def test_mail_reports_a_run_that_waits_at_a_manual_gate(paused):
    paused(Run.PauseReason.GATE, "Phase 3 starts by hand; not complete: visits 2 of 3")

    assert mail().subject == f"WAITING - {TITLE}: Phase 3 starts by hand"


def test_mail_about_a_waiting_run_shows_when_it_retries(paused):
    at = dt.datetime(2024, 5, 1, 12, 30, tzinfo=dt.UTC)
    paused(Run.PauseReason.WAREHOUSE, "The warehouse did not answer: no route", again_at=at, waits=1)

    message = mail()

    assert message.subject == f"WAITING - {TITLE}: The warehouse did not answer"
    assert "It tries again by itself at 2024-05-01 12:30 UTC" in message.text


def test_repeated_waits_for_an_unreachable_warehouse_send_one_mail(paused):
    for waits in range(1, 9):
        paused(
            Run.PauseReason.WAREHOUSE, "The warehouse did not answer", again_at=timezone.now(), waits=waits
        )
        tasks.deliver()

    assert Message.objects.count() == 1


def test_new_kinds_of_failure_are_reported_at_most_once_an_hour(running):
    start = timezone.now()
    for minutes in (0, 10, 30, 61):
        with time_machine.travel(start + minutes * MINUTE, tick=False):
            running.record("first failure", f"A failure that was not seen before: kind {minutes}")
            tasks.deliver()

    assert [message.subject.rpartition(": ")[2] for message in Message.objects.order_by("id")] == [
        "A failure that was not seen before",
        "A failure that was not seen before",
    ]


def test_new_kind_of_failure_within_the_hour_is_reported_after_the_hour(running):
    start = timezone.now()
    for minutes in (0, 10):
        with time_machine.travel(start + minutes * MINUTE, tick=False):
            running.record("first failure", f"New after {minutes} min")
            tasks.deliver()

    with time_machine.travel(start + 62 * MINUTE, tick=False):
        assert mail().subject == f"FAILING - {TITLE}: New after 10 min"
