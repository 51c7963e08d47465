"""The worker status of the top bar."""

import datetime as dt

import pytest

from apps.text import elapsed
from apps.workers.worker_status import worker_status

from .test_models import NOON, ago, beat

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]


def test_beacon_counts_live_workers():
    beat(ago(seconds=2), cluster="main")
    beat(ago(seconds=3), cluster="main")
    beat(ago(seconds=4))

    assert worker_status(NOON) == {"workers_alive": 3, "workers_silent_for": ""}


def test_beacon_shows_for_how_long_no_worker_has_reported():
    beat(ago(minutes=6), cluster="main")
    beat(ago(minutes=6))

    assert worker_status(NOON) == {"workers_alive": 0, "workers_silent_for": "6 min"}


def test_one_silent_cluster_is_enough_to_warn():
    beat(ago(seconds=2), cluster="main")
    beat(ago(hours=3), cluster="runs")

    assert worker_status(NOON) == {"workers_alive": 0, "workers_silent_for": "3 h"}


def test_beacon_shows_no_duration_before_the_first_worker():
    assert worker_status(NOON) == {"workers_alive": 0, "workers_silent_for": ""}


def test_beacon_takes_one_query(django_assert_num_queries):
    beat(ago(seconds=2), cluster="main")

    with django_assert_num_queries(1):
        worker_status(NOON)


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (dt.timedelta(seconds=40), "40 s"),
        (dt.timedelta(seconds=119), "119 s"),
        (dt.timedelta(minutes=2), "2 min"),
        (dt.timedelta(minutes=119), "119 min"),
        (dt.timedelta(hours=2), "2 h"),
        (dt.timedelta(days=2), "2 days"),
    ],
)
def test_elapsed_time_is_formatted_in_one_unit(span, words):
    assert elapsed(span) == words
