"""The private PostgreSQL that the suite runs on a second time."""

import os
import signal
import subprocess
import sys
import tempfile

import psutil
import psycopg
import pytest

from tests import postgres
from tests.workers.served import ROOT, wait_until

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(postgres.find_programs() is None, reason=postgres.HOW_TO_GET_IT),
]

SAY_IT_AND_WAIT = "import os, time; print(os.environ['DATABASE_URL'], flush=True); time.sleep(600)"


@pytest.fixture
def started():
    """A command under way, with its PostgreSQL, in a folder of their own."""
    command = [sys.executable, "-m", "tests.postgres", sys.executable, "-c", SAY_IT_AND_WAIT]
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)  # PostgreSQL's user has to get through
        env = {**os.environ, "TMPDIR": folder}
        process = psutil.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)
        process.url = process.stdout.readline().strip()
        parts = process.children(recursive=True)
        yield process
        process.terminate()
        process.wait()
        for part in psutil.wait_procs(parts, timeout=5)[1]:
            part.kill()


def answers(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_the_server_ends_when_the_process_that_started_it_ends(started, how):
    assert answers(started.url)

    started.send_signal(how)

    wait_until(lambda: not answers(started.url), "the server has ended", within=20)


def test_the_server_refuses_a_wrong_password(started):
    where = started.url.rpartition("@")[2]

    assert not answers(f"postgres://postgres:guessed@{where}")


def test_the_command_s_exit_status_is_passed_on():
    done = subprocess.run([sys.executable, "-m", "tests.postgres", "sh", "-c", "exit 7"], cwd=ROOT)

    assert done.returncode == 7
