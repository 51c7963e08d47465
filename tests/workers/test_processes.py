"""Who a process is: known by boot and start, so that nobody else's is ended."""

import os
import subprocess

import pytest

from apps.workers import processes


@pytest.fixture
def leader():
    process = subprocess.Popen(["sleep", "100"], start_new_session=True)
    yield process
    process.kill()
    process.wait()


def ended() -> int:
    process = subprocess.Popen(["true"], start_new_session=True)
    process.wait()
    return process.pid


def test_a_process_is_known_again(leader):
    assert processes.is_still(leader.pid, processes.identity(leader.pid))
    assert processes.still_its_session(leader.pid, processes.identity(leader.pid))


def test_process_with_a_reused_pid_does_not_match(leader):
    assert not processes.is_still(leader.pid, f"{processes.boot()} 1")
    assert not processes.still_its_session(leader.pid, f"{processes.boot()} 1")


def test_a_session_outlives_its_leader():
    assert processes.still_its_session(ended(), f"{processes.boot()} 1")


def test_pid_of_an_earlier_boot_does_not_match():
    assert not processes.still_its_session(ended(), "an-earlier-boot 1")


def test_ended_process_has_no_identity():
    assert processes.identity(ended()) == ""


def test_an_identity_does_not_depend_on_the_clock():
    boot, _, ticks = processes.identity(os.getpid()).rpartition(" ")

    assert (boot, ticks) == (processes.boot(), str(int(ticks)))
