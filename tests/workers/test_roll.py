"""Which processes serve, and what each does."""

import pytest

from apps.workers import worker_list
from apps.workers.models import Worker

from .test_models import NOON, ago, beat

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]


def lines():
    return worker_list.call(NOON).lines


def the_line(**fields):
    Worker.objects.update(**fields)
    (line,) = lines()
    return line


def test_a_worker_without_a_task_waits_for_work():
    beat(ago(seconds=3))

    assert the_line().said == "waits for work"


def test_a_web_server_that_has_just_been_heard_is_alive():
    beat(ago(seconds=3), cluster="web")

    assert the_line().said == "alive"


def test_who_has_a_task_is_at_work():
    beat(ago(seconds=3))

    assert the_line(busy_since=ago(minutes=2)).said == "at work"


def test_who_was_not_heard_lately_is_silent():
    beat(ago(minutes=4))

    assert the_line().said == "silent for 4 min"


def test_who_said_goodbye_has_stopped():
    beat(ago(minutes=4))

    assert the_line(stopped_at=ago(minutes=3)).said == "stopped 3 min ago"


def test_the_dead_are_shown_for_an_hour():
    lately, _ = beat(ago(minutes=59)), beat(ago(minutes=61))

    assert [line.worker for line in lines()] == [lately]


@pytest.mark.parametrize(
    ("doing", "run", "rest"),
    [("run 7", 7, ""), ("run 7: orders 2024-01-15", 7, ": orders 2024-01-15"), ("scan", None, "scan")],
)
def test_it_knows_on_which_run_a_worker_is(doing, run, rest):
    beat(ago(seconds=3))

    line = the_line(doing=doing)

    assert (line.run, line.rest) == (run, rest)


def test_another_version_than_this_console_is_marked(settings):
    beat(ago(seconds=3))

    assert not the_line(version=settings.VERSION).differs
    assert the_line(version="0.0.1").differs


def test_the_processes_of_a_machine_stand_together():
    for launcher, cluster in (("b", "runs"), ("a", "runs"), ("a", "main"), ("b", "launcher"), ("a", "web")):
        row = beat(ago(seconds=3), cluster=cluster)
        Worker.objects.filter(pk=row.pk).update(launcher=launcher)

    names = [f"{line.worker.launcher} {line.worker.cluster}" for line in lines()]

    assert names == ["a web", "a main", "a runs", "b launcher", "b runs"]


def test_when_both_clusters_have_workers_nothing_is_missing():
    beat(ago(seconds=3), cluster="main")
    beat(ago(seconds=3), cluster="runs")

    assert worker_list.call(NOON).unserved == []


def test_a_cluster_without_a_worker_comes_with_the_command_that_starts_one():
    beat(ago(seconds=3), cluster="main")
    beat(ago(minutes=6), cluster="runs")

    called = worker_list.call(NOON)

    assert [(each.cluster, each.silence) for each in called.unserved] == [("runs", "6 min")]
    assert called.command == ".venv/bin/python manage.py serve --only runs"


def test_when_nobody_works_all_of_it_is_to_be_started():
    beat(ago(seconds=3), cluster="web")

    assert worker_list.call(NOON).command == ".venv/bin/python manage.py serve"
