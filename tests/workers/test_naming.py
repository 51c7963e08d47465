"""A launcher's name: of all that share the database, one at a time carries it."""

import datetime as dt

import pytest
from django.utils import timezone

from apps.workers import naming
from apps.workers.models import Worker
from apps.workers.naming import NameTaken

pytestmark = [pytest.mark.django_db]

DEAD = 2**22 + 1


@pytest.fixture(autouse=True)
def name(settings):
    settings.WORKER_NAME = "alpha"


def claim(*, predecessor=None):
    naming.claim(timezone.now(), doing="keeps runs running", predecessor=predecessor)


def other(**fields):
    """Another launcher has the name now."""
    Worker.objects.filter(name="alpha").update(host="elsewhere", pid=7, **fields)


def test_launcher_claims_a_free_name():
    claim()

    row = Worker.objects.get(name="alpha")
    assert row.cluster == "launcher" and row.is_alive(timezone.now())


def test_name_of_a_live_launcher_is_rejected():
    claim()
    other()

    with pytest.raises(NameTaken, match="alive: process 7 on elsewhere"):
        claim()


def test_a_name_whose_launcher_fell_silent_is_free():
    claim()
    other(heartbeat_at=timezone.now() - dt.timedelta(seconds=21))

    claim()

    assert Worker.objects.get(name="alpha").host != "elsewhere"


def test_name_of_a_stopped_launcher_is_free():
    claim()
    naming.release()

    claim()

    assert Worker.objects.get(name="alpha").stopped_at is None


def test_launcher_takes_over_the_name_of_its_killed_predecessor_at_once():
    claim()
    Worker.objects.filter(name="alpha").update(pid=DEAD)

    claim(predecessor=DEAD)

    assert Worker.objects.get(name="alpha").pid != DEAD


def test_heartbeat_of_a_launcher_detects_that_its_name_was_taken():
    claim()
    assert naming.renew()

    other()

    assert not naming.renew()


def test_release_does_not_stop_another_launcher_that_took_the_name():
    claim()
    other()

    naming.release()

    assert Worker.objects.get(name="alpha").stopped_at is None
