"""Whatever dies, `manage.py serve` performs again; whatever it started ends with it."""

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import psutil
import pytest

from .database import database_of
from .served import Served, manage, wait_until

pytestmark = [pytest.mark.processes, pytest.mark.usefixtures("brisk")]

CLUSTERS = [pytest.param("main", marks=pytest.mark.long), "runs"]


def nothing_is_left(served: Served) -> None:
    served.stop()

    wait_until(lambda: not served.left(), f"nothing is left: {served.left()}", within=10)


# --- the three ways in which a cluster dies without a word ------------------------------------------
@pytest.mark.parametrize("cluster", CLUSTERS)
def test_a_cluster_performs_after_an_idle_worker_was_killed(serve, cluster):
    served = serve("--no-web")
    served.performs(cluster)

    for worker in served.workers(cluster):
        worker.kill()

    served.performs(cluster)
    nothing_is_left(served)


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_a_cluster_performs_after_its_monitor_was_killed(serve, cluster):
    served = serve("--no-web")
    monitor, _ = served.auxiliaries(cluster)

    monitor.kill()
    monitor.wait()

    served.performs(cluster)
    nothing_is_left(served)


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_a_cluster_performs_after_its_main_process_was_killed(serve, cluster):
    served = serve("--no-web")

    served.main(cluster).kill()

    served.performs(cluster)
    nothing_is_left(served)


# --- what its processes share -----------------------------------------------------------------------
def test_the_engine_of_the_warehouse_is_loaded_once_before_the_first_fork(serve):
    served = serve("--no-web")

    mapped = {region.path for region in served.process.memory_maps() if "_duckdb" in region.path}

    assert len(mapped) == 1


def test_a_cluster_is_its_main_process_and_what_that_forks(serve):
    served = serve("--no-web")

    parts = served.main("runs").children()

    assert len(parts) == len(served.workers("runs")) + 2  # monitor and pusher
    assert served.main("runs").children(recursive=True) == parts


# --- other ways -------------------------------------------------------------------------------------
@pytest.mark.parametrize("part", [pytest.param(0, marks=pytest.mark.long), 1], ids=["monitor", "pusher"])
def test_cluster_with_a_frozen_process_is_restarted(serve, part):
    served = serve("--no-web")
    frozen = served.auxiliaries("runs")[part]

    frozen.suspend()

    wait_until(lambda: len(served.started("runs")) == 2, "the cluster is started again")
    served.performs("runs")
    assert "runs performs nothing although a worker is idle" in served.says
    assert not frozen.is_running()


def test_child_processes_end_if_their_cluster_is_killed(serve):
    served = serve("--no-web")
    parts = served.main("runs").children(recursive=True)

    served.main("runs").kill()

    wait_until(lambda: not any(part.is_running() for part in parts), "its processes have ended")


def test_a_worker_killed_at_work_is_replaced_without_a_restart(serve):
    served = serve("--no-web")
    (worker,) = served.workers("runs")
    served.enqueue("runs", "time.sleep", 300)
    wait_until(served.is_at_work, "it is at work")

    worker.kill()

    served.performs("runs")
    assert len(served.started("runs")) == 1


def test_busy_cluster_is_not_restarted_even_if_it_does_not_answer_the_ping(serve):
    served = serve("--no-web")
    work = served.enqueue("runs", "time.sleep", 15)

    wait_until(lambda: served.has_performed(work), "the long task is done")

    assert len(served.started("runs")) == 1


def test_tasks_taken_by_a_killed_cluster_are_performed_before_their_retry_time(serve):
    served = serve("--no-web")
    served.enqueue("runs", "time.sleep", 4)
    waiting = served.enqueue("runs")
    wait_until(lambda: served.waiting() == 0, "both are taken")

    served.main("runs").kill()

    wait_until(lambda: served.has_performed(waiting), "it is performed, long before `retry`")


def test_the_web_server_is_started_again_on_its_port(serve):
    served = serve()
    wait_until(lambda: answers(served.port), "it answers")

    served.main("web").kill()

    wait_until(lambda: len(served.started("web")) == 2, "it is started again")
    wait_until(lambda: answers(served.port), "it answers again")


# --- the end ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_ends_all_processes(serve, how):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever starts the tests under nohup has it ignored
    served = serve()

    served.stop(how)

    assert served.process.returncode == 0
    assert served.left() == []


def test_a_job_ends_with_serve(serve):
    served = serve("--no-web")
    job = start_job(served)

    served.stop()

    assert not job.is_running()


def test_second_sigint_ends_serve_at_once(serve):
    served = serve("--no-web")
    served.enqueue("main", "time.sleep", 300)
    wait_until(served.is_at_work, "it is at work")
    served.look()

    served.process.send_signal(signal.SIGINT)
    wait_until(lambda: "stopping" in served.says, "it heard")
    served.process.send_signal(signal.SIGINT)

    served.process.wait(timeout=5)  # less than the grace
    assert served.left() == []


def test_the_processes_of_a_killed_serve_end(serve):
    served = serve()
    served.look()

    served.process.kill()

    wait_until(lambda: not served.left(), "its processes have ended")


def test_next_serve_ends_an_orphaned_job_of_a_killed_serve(serve):
    killed = serve("--no-web")
    job = start_job(killed)
    killed.process.kill()
    killed.process.wait()
    assert job.is_running()

    serve("--no-web")

    assert not job.is_running()


def test_process_record_with_a_reused_pid_kills_no_unrelated_process(serve, folder):
    stranger = subprocess.Popen(["sleep", "600"], start_new_session=True)
    (folder / "serve.json").write_text(
        f'{{"launcher": [{stranger.pid}, 1.0], "token": "t", "services": {{"runs": [{stranger.pid}, 1.0]}}}}'
    )

    serve("--no-web")

    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


# --- the beginning ----------------------------------------------------------------------------------
def test_a_second_serve_of_the_same_folder_is_refused(serve, folder):
    served = serve("--no-web")

    second = manage(folder, "serve", "--no-web")

    assert second.returncode == 1
    assert f"Already served by process {served.process.pid}: stop that one first." in second.stderr
    assert "Traceback" not in second.stderr


def test_port_in_use_is_reported_in_one_line(folder):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        refused = manage(folder, "serve", "--port", str(port))

    assert refused.returncode == 1
    assert refused.stderr == (
        f"CommandError: Cannot listen on 127.0.0.1:{port} (Address already in use): choose another --port.\n"
    )


def test_unmigrated_database_is_reported_without_a_traceback(tmp_path):
    database_of(tmp_path).create()

    refused = manage(tmp_path, "serve", "--no-web")

    assert refused.returncode == 1
    assert "run `manage.py migrate` first" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_serve_works_with_a_closed_output_pipe(folder, serve):
    reading, writing = os.pipe()
    served = Served(folder, "--no-web")
    served.start(stdout=writing)
    os.close(writing)
    os.close(reading)

    wait_until(lambda: len(served.ask("SELECT 1 FROM workers_worker")) == 4, "it beats, and its workers")
    served.performs("runs")
    served.stop()

    assert served.process.returncode == 0
    assert "Traceback" not in served.says


def test_all_processes_together_use_less_than_250_mib(serve):
    served = serve()
    wait_until(lambda: answers(served.port), "it answers")

    together = sum(proportional_size(process) for process in served.look())

    assert together < 250 * 2**20


# --- helpers ----------------------------------------------------------------------------------------
def answers(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/admin/login/", timeout=20)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def start_job(served: Served) -> psutil.Process:
    """A job as a run starts it: executed by a worker, in a session of its own."""
    served.enqueue("runs", "tests.workers.test_launcher.job", str(served.folder))
    pid = served.folder / "job.pid"
    wait_until(lambda: pid.exists() and pid.read_text(), "the job runs")
    return psutil.Process(int(pid.read_text()))


def job(folder: str) -> None:
    """Performed by a worker."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    with open(f"{folder}/job.pid", "w") as file:
        file.write(str(process.pid))
    process.wait()


def proportional_size(process: psutil.Process) -> int:
    try:
        return process.memory_full_info().pss
    except psutil.Error:
        return 0
