"""Which processes serve, and what each does."""

import pytest

from apps.workers import worker_list
from apps.workers.models import Worker

from .test_models import NOON, ago, beat

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]


def lines():
    return worker_list.workers_now(NOON).lines


def the_line(**fields):
    Worker.objects.update(**fields)
    (line,) = lines()
    return line


@pytest.mark.parametrize(
    ("heard", "facts", "said"),
    [
        pytest.param(ago(seconds=3), {}, "waits for work", id="no task"),
        pytest.param(ago(seconds=3), {"cluster": "web"}, "alive", id="a web server"),
        pytest.param(ago(seconds=3), {"busy_since": ago(minutes=2)}, "at work", id="a task"),
        pytest.param(ago(minutes=4), {}, "silent for 4 min", id="no recent heartbeat"),
        pytest.param(ago(minutes=4), {"stopped_at": ago(minutes=3)}, "stopped 3 min ago", id="signed off"),
    ],
)
def test_a_line_says_what_a_process_does(heard, facts, said):
    beat(heard)

    assert the_line(**facts).said == said


def test_worker_is_listed_for_an_hour_after_its_last_heartbeat():
    lately, _ = beat(ago(minutes=59)), beat(ago(minutes=61))

    assert [line.worker for line in lines()] == [lately]


@pytest.mark.parametrize(
    ("doing", "run", "rest"),
    [("run 7", 7, ""), ("run 7: orders 2024-01-15", 7, ": orders 2024-01-15"), ("scan", None, "scan")],
)
def test_run_number_is_extracted_from_the_activity_of_a_worker(doing, run, rest):
    beat(ago(seconds=3))

    line = the_line(doing=doing)

    assert (line.run, line.rest) == (run, rest)


def test_worker_of_another_version_is_marked(settings):
    beat(ago(seconds=3))

    assert not the_line(version=settings.VERSION).differs
    assert the_line(version="0.0.1").differs


def test_processes_are_grouped_by_launcher():
    for launcher, cluster in (("b", "runs"), ("a", "runs"), ("a", "main"), ("b", "launcher"), ("a", "web")):
        row = beat(ago(seconds=3), cluster=cluster)
        Worker.objects.filter(pk=row.pk).update(launcher=launcher)

    names = [f"{line.worker.launcher} {line.worker.cluster}" for line in lines()]

    assert names == ["a web", "a main", "a runs", "b launcher", "b runs"]


def test_no_cluster_is_unserved_if_both_have_workers():
    beat(ago(seconds=3), cluster="main")
    beat(ago(seconds=3), cluster="runs")

    assert worker_list.workers_now(NOON).unserved == []


def test_a_cluster_without_a_worker_comes_with_the_command_that_starts_one():
    beat(ago(seconds=3), cluster="main")
    beat(ago(minutes=6), cluster="runs")

    called = worker_list.workers_now(NOON)

    assert [(each.cluster, each.silence) for each in called.unserved] == [("runs", "6 min")]
    assert called.command == ".venv/bin/python manage.py serve --only runs"


def test_command_starts_everything_if_no_cluster_has_a_worker():
    beat(ago(seconds=3), cluster="web")

    assert worker_list.workers_now(NOON).command == ".venv/bin/python manage.py serve"
