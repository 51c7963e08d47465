"""The page of the workers."""

import datetime as dt
import html
import re

import pytest
from django.utils import timezone

from apps.workers.models import Worker

ADDRESS = "/workers/"


@pytest.fixture
def read(client, viewer, shop):
    """Its words, as a viewer reads them."""
    client.force_login(viewer)

    def words():
        return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", markup(client))).split())

    return words


def markup(client, **headers):
    return client.get(ADDRESS, headers=headers).content.decode()


def worker(cluster="runs", *, launcher="alpha", seconds=2, **fields):
    heard = timezone.now() - dt.timedelta(seconds=seconds)
    return Worker.objects.create(
        name=str(Worker.objects.count()), launcher=launcher, cluster=cluster, host="host-1.example", pid=4711,
        **{"version": "9.8.7", "started_at": heard, "heartbeat_at": heard, **fields},
    )  # fmt: skip


def test_one_has_to_log_in(client, db):
    assert client.get(ADDRESS).headers["Location"].startswith("/account/login/")


def test_every_page_leads_to_it(read, client):
    assert f'href="{ADDRESS}" aria-current="page">Workers' in markup(client)


def test_it_shows_who_serves_and_where(read):
    worker("main")
    worker("runs", launcher="beta")

    assert "2 processes alive under 2 names" in read()
    assert "beta runs process 4711 on host-1.example waits for work" in read()
    assert "9.8.7" in read()


def test_the_run_that_a_worker_is_at_is_a_link(read, client):
    worker(doing="run 7: sales", busy_since=timezone.now())

    assert '<a href="/runs/7/">run 7</a>: sales' in markup(client)
    assert "at work" in read()


def test_a_silent_worker_is_marked(read, client):
    worker(seconds=240, doing="run 7")

    assert "silent for 4 min last heard at run 7" in read()
    assert "state-failed" in markup(client)


def test_a_cluster_without_a_worker_is_said_with_the_command(read):
    worker("main")
    worker("runs", seconds=400)

    assert "No worker of runs has reported for 6 min." in read()
    assert "manage.py serve --only runs" in read()


def test_before_anybody_ever_served_it_says_so(read):
    assert "Nobody has reported lately" in read()
    assert "No worker of main has reported yet." in read()


def test_it_asks_the_same_questions_however_many_serve(read, client, django_assert_num_queries):
    worker("main")
    read()
    with django_assert_num_queries(5):  # session, person, workers, beacon, mails
        client.get(ADDRESS)
    for number in range(20):
        worker(launcher=f"machine-{number}")

    with django_assert_num_queries(5):
        client.get(ADDRESS)


def test_it_refreshes_by_itself_every_three_seconds(read, client):
    worker()

    assert 'hx-trigger="every 3s' in markup(client)


def test_a_refresh_brings_only_what_changes(read, client):
    worker("main")

    refreshed = markup(client, **{"HX-Request": "true", "HX-Target": "live"})

    assert "<html" not in refreshed
    assert "host-1.example" in refreshed and 'id="workers-facts" hx-swap-oob="true"' in refreshed
