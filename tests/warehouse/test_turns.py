"""The console's readers and the calls of its jobs take turns with a warehouse file, in all its processes."""

import signal
import subprocess
import sys
import threading
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import duckdb
import pytest

from apps.warehouse.base import InUse
from apps.warehouse.duckdb import DuckDBWarehouse
from apps.warehouse.turns import Turns
from tests.warehouse.contract import FIRST, SALES

ROOT = Path(__file__).parents[2]
CALL = """
import sys
from pathlib import Path
from apps.warehouse.turns import Turns
with Turns(Path(sys.argv[1])).of_call("the call of run 7", owner="attempt 3"):
    print("mine", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE SCHEMA shop; CREATE TABLE shop.sales (day DATE, item BIGINT)")
    return path


@contextmanager
def a_call_elsewhere(file: Path):
    """Another process of the console that has a call's turn."""
    command = [sys.executable, "-c", CALL, str(file)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout and process.stdout.readline() == b"mine\n"
            yield process
        finally:
            process.kill()


def turns(file: Path, *, patience: float = 0.0) -> Turns:
    return Turns(file, patience=patience)


def take(turn: AbstractContextManager[None]) -> None:
    with turn:
        pass


def test_a_reader_that_is_blocked_by_a_call_reports_which(file):
    warehouse = DuckDBWarehouse(file)
    warehouse.turns.patience = 0.0

    with a_call_elsewhere(file), pytest.raises(InUse) as refused:
        warehouse.count([SALES], dates=[FIRST])

    assert str(refused.value) == (
        "the call of run 7 has its turn with the warehouse file; this waits until it is over"
    )


def test_a_reader_does_not_wait_for_a_call_whose_process_was_killed(file):
    with a_call_elsewhere(file):
        pass  # killed

    assert DuckDBWarehouse(file).count([SALES], dates=[FIRST]).problems == {}


def test_readers_share_their_turn(file):
    with turns(file).reading(), turns(file).reading():
        pass


def test_a_call_waits_for_readers(file):
    with turns(file).reading(), pytest.raises(InUse, match="a scan or a look of this console has its turn"):
        take(turns(file).of_call("the call of run 7"))


def test_two_calls_never_have_the_file_at_once(file):
    with a_call_elsewhere(file), pytest.raises(InUse, match="the call of run 7"):
        take(turns(file).of_call("the call of run 8"))


def test_a_call_can_read_the_file_that_it_holds(file):
    warehouse = DuckDBWarehouse(file)

    with warehouse.turn_of_call("the call of run 7", owner="", stopped=lambda: False):
        assert warehouse.count([SALES], dates=[FIRST]).problems == {}


def test_a_waiting_reader_gets_the_file_before_the_next_call(file):
    order: list[str] = []
    waits = threading.Event()

    def scan() -> None:
        reader = turns(file, patience=30)
        inner = reader.lock

        def lock(*words) -> None:
            if words[1] == 1:  # it has its place in the queue, and waits for the call's end
                waits.set()
            inner(*words)

        reader.lock = lock
        with reader.reading():
            order.append("scan")

    with ExitStack() as first:
        first.enter_context(turns(file).of_call("the call of run 7"))
        thread = threading.Thread(target=scan)
        thread.start()
        assert waits.wait(30)
    with turns(file, patience=30).of_call("the next call of run 7"):
        order.append("call")
    thread.join()

    assert order == ["scan", "call"]


def test_a_stopped_call_does_not_wait_for_the_file(file):
    with turns(file).reading(), pytest.raises(InUse):
        take(turns(file, patience=600).of_call("the call of run 7", stopped=lambda: True))


def test_the_turn_of_a_frozen_worker_can_be_ended_only_for_its_own_attempt(file):
    with a_call_elsewhere(file) as frozen:
        frozen.send_signal(signal.SIGSTOP)
        assert not turns(file).end("another attempt")

        assert turns(file).end("attempt 3")

        with turns(file).of_call("the call of run 7, again"):
            pass


def test_readers_and_calls_do_not_wait_if_no_lock_file_can_be_created(tmp_path):
    gone = tmp_path / "no such folder" / "shop.duckdb"

    with turns(gone).reading(), turns(gone).of_call("the call of run 7"):
        pass
