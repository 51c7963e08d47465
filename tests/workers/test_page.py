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


def test_page_requires_login(client, db):
    assert client.get(ADDRESS).headers["Location"].startswith("/account/login/")


def test_navigation_links_to_the_page(read, client):
    assert f'href="{ADDRESS}" aria-current="page">Workers' in markup(client)


def test_page_lists_processes_with_their_name_host_and_version(read):
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


def test_cluster_without_a_worker_is_shown_with_the_command_that_starts_one(read):
    worker("main")
    worker("runs", seconds=400)

    assert "No worker of runs has reported for 6 min." in read()
    assert "manage.py serve --only runs" in read()


def test_page_shows_that_no_worker_has_reported_yet(read):
    assert "No process has reported lately" in read()
    assert "No worker of main has reported yet." in read()


def test_query_count_does_not_grow_with_the_number_of_workers(read, client, django_assert_num_queries):
    worker("main")
    read()
    with django_assert_num_queries(5):  # session, person, workers, worker status, mails
        client.get(ADDRESS)
    for number in range(20):
        worker(launcher=f"machine-{number}")

    with django_assert_num_queries(5):
        client.get(ADDRESS)


def test_page_refreshes_every_three_seconds(read, client):
    worker()

    assert 'hx-trigger="every 3s' in markup(client)


def test_refresh_returns_only_the_live_parts(read, client):
    worker("main")

    refreshed = markup(client, **{"HX-Request": "true", "HX-Target": "live"})

    assert "<html" not in refreshed
    assert "host-1.example" in refreshed and 'id="workers-facts" hx-swap-oob="true"' in refreshed
