"""A run that a quota stops says which one, and until when it is paused."""

from collections.abc import Callable

import pytest
from django.utils import timezone

from apps import timing
from apps.alerts import messages
from apps.runs import tasks
from apps.runs.engine import runner
from apps.runs.models import Run, leases
from apps.warehouse.bigquery.quotas import next_day

PER_TABLE = "Quota exceeded: Your table exceeded quota for imports or query appends per table."
CONCURRENT = "Quota exceeded: Your project exceeded quota for concurrent queries."


QUEUED = "Quota exceeded: Your project_and_region exceeded quota for max number of jobs that can be queued per project."
DML = "Quota exceeded: Your table exceeded quota for total number of dml jobs writing to a table, pending + running."


@pytest.fixture
def stopped(launch, pipeline, server) -> Callable[[str], Run]:
    """A run of which BigQuery said this."""

    def make(says: str) -> Run:
        server.refuse("quotaExceeded", about="script", says=says)
        run = launch(tables=["daily.sales"])
        runner.perform(run.pk, pipeline, lease=leases.take(run.pk))
        run.refresh_from_db()
        return run

    return make


def test_a_tables_quota_is_not_called_the_projects(stopped, viewing):
    run = stopped(PER_TABLE)

    assert (run.status, run.pause_reason, run.again_at) == (
        Run.Status.PAUSED,
        Run.PauseReason.QUOTA,
        next_day(timezone.now()) + timing.QUOTA_MARGIN,
    )
    assert run.message.startswith('one table\'s daily quota "imports or query appends per table" is used up')
    page = viewing.get(run.get_absolute_url()).text
    assert "until midnight Pacific time at the latest" in page


@pytest.mark.parametrize("says", [CONCURRENT, QUEUED, DML])
def test_short_term_quota_pauses_the_run_for_minutes_not_until_the_next_day(stopped, says):
    run = stopped(says)

    assert run.pause_reason == Run.PauseReason.QUOTA
    assert run.again_at <= timezone.now() + timing.QUOTA_RETRY_AFTER


def test_repeated_waits_for_the_same_quota_send_one_mail(stopped, server, drain):
    run = stopped(CONCURRENT)
    server.refuse("quotaExceeded", about="script", says=CONCURRENT, times=2)
    told = [messages.create_messages()]
    for _ in range(2):
        Run.objects.update(again_at=timezone.now())
        tasks.revive()
        drain()
        told.append(messages.create_messages())

    assert (told, run.events.filter(kind="paused").count()) == ([1, 0, 0], 3)
