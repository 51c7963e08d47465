"""What the tests of the run pages share: people's browsers, words without markup, and a worker that is alive."""

import datetime as dt
import html
import re
from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import timezone

from apps.runs.models import Lane, Run
from apps.workers.models import Worker
from tests.coverage.verifying import history, rescan, scan_again  # noqa: F401 (fixtures)


def words(markup: str) -> str:
    """What a reader sees of a page: no tags, single spaces."""
    dates_as_text = re.sub(r'<span class="nowrap">([\d-]+)</span>', r"\1", markup)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", dates_as_text)).split())


@pytest.fixture
def read(operating) -> Callable[..., str]:
    """A page's words, as an operator reads them."""

    def get(address: str, client: Client = operating) -> str:
        response = client.get(address)
        assert response.status_code == 200, (address, response.status_code)
        return words(response.content.decode())

    return get


@pytest.fixture
def worker(db) -> Worker:
    """A worker for runs that is alive."""
    now = timezone.now()
    return Worker.objects.create(name="w", cluster="runs", host="h", pid=1, started_at=now, heartbeat_at=now)


@pytest.fixture
def hold() -> Callable[[Run], Run]:
    """Leaves a run as if somebody performed it right now."""

    def take(run: Run) -> Run:
        soon = timezone.now() + dt.timedelta(seconds=20)
        Run.objects.filter(pk=run.pk).update(status=Run.Status.RUNNING)
        Lane.objects.update_or_create(run=run, number=0, defaults={"lease": "held", "lease_until": soon})
        run.refresh_from_db()
        return run

    return take


@pytest.fixture
def failed_outside(history, rescan) -> None:  # noqa: F811
    """In a terminal, sales failed on 2 and 3 January in one way and visits on 2 January in another."""
    for number in (2, 3):
        said = f"2024-01-0{number}: amount 1{number}.5 exceeds DECIMAL(5,2)"
        history("sales", f"01-0{number}", "failed", errors=said)
    history("visits", "01-02", "failed", at="09:00", errors="connection refused")
    rescan()
