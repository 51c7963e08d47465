"""Clearing up behind the queue."""

import datetime as dt

import pytest
from django.utils import timezone
from django_q.models import Task

from apps.workers import tasks

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]


def ended(name, **ago):
    moment = timezone.now() - dt.timedelta(**ago)
    return Task.objects.create(id=name, name=name, func="f", started=moment, stopped=moment)


def test_records_of_tasks_are_kept_for_two_weeks():
    ended("old", days=15)
    lately = ended("lately", days=13)

    assert tasks.prune() == {"tasks": 1, "workers": 0}
    assert list(Task.objects.all()) == [lately]
