"""`manage.py check` refuses settings under which a queue would misbehave."""

import copy

import pytest
from django.conf import settings

from apps.workers.checks import check_cluster_name, check_clusters, check_sqlite, check_worker_name


@pytest.fixture
def queue(settings):
    settings.Q_CLUSTER = copy.deepcopy(settings.Q_CLUSTER)
    return settings.Q_CLUSTER


def test_project_settings_pass_the_checks():
    assert check_clusters(None) == check_sqlite(None) == []


def test_retry_time_that_could_requeue_a_running_task_is_an_error(queue):
    queue["retry"] = 3600  # 900 * (2 + 2)

    (error,) = check_clusters(None)

    assert error.id == "workers.E001"
    assert "timeout * (queue_limit + 2) = 3600" in error.hint


def test_the_other_clusters_are_checked_as_well(queue):
    queue["ALT_CLUSTERS"]["runs"]["timeout"] = 9000

    (error,) = check_clusters(None)

    assert "'runs'" in error.msg


@pytest.mark.parametrize("name", ["", "main", "runs"])
def test_a_known_cluster_name_is_right(monkeypatch, name):
    monkeypatch.setenv("Q_CLUSTER_NAME", name)

    assert check_cluster_name(None) == []


def test_an_unknown_cluster_name_is_an_error_that_lists_the_known_ones(monkeypatch):
    monkeypatch.setenv("Q_CLUSTER_NAME", "rums")

    (error,) = check_cluster_name(None)

    assert "'rums'" in error.msg
    assert error.hint == "Known names: main, runs."


def test_sqlite_without_immediate_transactions_is_an_error(monkeypatch):
    monkeypatch.setattr(settings, "DATABASES", {"default": {"ENGINE": "django.db.backends.sqlite3"}})

    (error,) = check_sqlite(None)

    assert error.id == "workers.E003"


def test_other_databases_need_no_transaction_mode(monkeypatch):
    monkeypatch.setattr(settings, "DATABASES", {"default": {"ENGINE": "django.db.backends.postgresql"}})

    assert check_sqlite(None) == []


def test_default_worker_name_is_accepted():
    assert check_worker_name(None) == []


@pytest.mark.parametrize("name", ["", "two words", "a@b", "x" * 61])
def test_invalid_worker_name_is_an_error(settings, name):
    settings.WORKER_NAME = name

    (error,) = check_worker_name(None)

    assert error.id == "workers.E004"
    assert "letters, digits, dots, dashes and underscores, 60 at most" in error.hint


def test_the_longest_call_of_a_job_fits_into_a_task():
    from apps import timing

    assert settings.Q_CLUSTER["ALT_CLUSTERS"]["runs"]["timeout"] > timing.LONGEST_CALL + 300
