"""How a job is called, and that nothing of it stays behind."""

import os
import sys
from pathlib import Path

import psutil
import pytest

from apps import timing
from apps.pipeline.sections import Job
from apps.runs.calls import jobs, processes
from apps.runs.calls.jobs import Call
from apps.runs.models.leases import LeaseLost
from backfill_console import environment
from tests.conftest import day
from tests.runs.conftest import wait_until

pytestmark = pytest.mark.real_process

DATES = [day("01-03"), day("01-01"), day("01-02")]


def prepared(pipeline, table: str = "daily.sales", **changes) -> Call:
    job = pipeline.table(table).job.model_copy(update=changes)
    return jobs.prepare(pipeline, job, DATES, run=7, attempt=3)


@pytest.fixture
def call(tmp_path: Path):
    """Calls a shell command as a job; tells how it ended."""

    def run(
        command: str, *, timeout: float = 30, stopped=lambda: False, started=lambda pid, at: None, **env: str
    ):
        made = Call(("sh", "-c", command), tmp_path, env)
        (tmp_path / "job.log").unlink(missing_ok=True)
        return jobs.run_process(made, tmp_path / "job.log", timeout=timeout, stopped=stopped, started=started)

    return run


def written(tmp_path: Path, name: str = "job.log") -> str:
    path = tmp_path / name
    return path.read_text() if path.exists() else ""


# What it gets -------------------------------------------------------------------------------------


def test_a_job_gets_what_the_console_was_started_with(call, tmp_path, monkeypatch):
    monkeypatch.setenv("WAREHOUSE_REGION", "north")

    call("echo region $WAREHOUSE_REGION")

    assert "region north" in written(tmp_path)


@pytest.mark.parametrize("name", [*environment.VARIABLES, *environment.SET_BY_CONSOLE])
def test_a_job_does_not_get_a_setting_of_the_console(call, tmp_path, monkeypatch, name):
    monkeypatch.setenv(name, "hush")

    call(f"echo ${{{name}-is not set}}")

    assert written(tmp_path) == "is not set\n"


def test_a_job_gets_a_setting_that_the_pipeline_file_hands_on(call, tmp_path, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "sqlite:////console")
    asked = {"DATABASE_URL": "${DATABASE_URL}", "LEVEL": "${NONE:-7}"}
    job = Job.model_validate({"command": ["x", "{dates}"], "dates": "list", "env": asked})

    call("echo $DATABASE_URL $LEVEL", **job.env)

    assert written(tmp_path) == "sqlite:////console 7\n"


# What is called -----------------------------------------------------------------------------------


def test_a_range_is_its_first_and_last_date(pipeline):
    argv = prepared(pipeline).argv

    assert argv[3:] == ("--start", "2024-01-01", "--end", "2024-01-03", "--safe")


def test_a_list_is_in_order(pipeline):
    assert "2024-01-01,2024-01-02,2024-01-03" in prepared(pipeline, "daily.visits").argv


def test_python_is_the_consoles_own(pipeline):
    assert prepared(pipeline).argv[0] == sys.executable


def test_other_braces_are_left_alone(pipeline):
    assert prepared(pipeline, command=("run", '{"a": 1}', "{start}")).argv[1] == '{"a": 1}'


def test_job_environment_marks_the_call_as_a_backfill(pipeline):
    assert dict(prepared(pipeline).added) | {"SHOP_WAREHOUSE": ""} == {
        "SHOP_WAREHOUSE": "",
        "BACKFILL_RUN": "7",
        "BACKFILL_ATTEMPT": "3",
        "BACKFILL_MODE": "1",
        "SKIP_DOWNSTREAM_TRIGGER": "1",
    }


def test_a_job_runs_in_its_folder(pipeline, shop):
    assert prepared(pipeline).cwd == shop.parent / "jobs"


def test_secrets_are_masked_in_shown_arguments_and_environment(tmp_path):
    call = Call(("load", "--token", "hush"), tmp_path, {"API_KEY": "hush", "CITY": "Oslo"})

    assert call.shown_argv == ["load", "--token", "•••"]
    assert call.shown_environment == {"API_KEY": "•••", "CITY": "Oslo"}


def test_stored_call_contains_no_secret(pipeline):
    call = prepared(pipeline, command=("load", "--api-key=hush", "{start}"), env={"DSN": "hush"})

    assert "hush" not in str((call.shown_argv, call.shown_environment))
    assert (call.argv[1], call.added["DSN"]) == ("--api-key=hush", "hush")


def test_secrets_reach_the_job(call, tmp_path):
    call('echo "$API_KEY" --token=hush', API_KEY="hush")

    assert written(tmp_path) == "hush --token=hush\n"


# How it ends --------------------------------------------------------------------------------------


def test_the_exit_status_is_kept(call):
    assert call("exit 3").exit_status == 3


def test_a_job_that_was_killed_has_a_negative_exit_status(call):
    assert call("kill -9 $$").exit_status == -9


def test_both_outputs_go_to_the_log(call, tmp_path):
    call("echo out; echo err >&2")

    assert written(tmp_path) == "out\nerr\n"


def test_job_does_not_start_if_its_log_file_already_exists(tmp_path):
    (tmp_path / "job.log").write_text("ERROR of another life\n")

    with pytest.raises(jobs.CannotLog, match="is another call's"):
        jobs.run_process(
            Call(("sh", "-c", "touch began"), tmp_path, {}),
            tmp_path / "job.log",
            timeout=9,
            stopped=lambda: False,
            started=print,
        )

    assert not (tmp_path / "began").exists()


def test_job_reading_stdin_gets_end_of_file(call):
    assert call("read answer").exit_status == 1


@pytest.mark.parametrize(
    ("argv", "env", "says"),
    [
        (
            ("no-such-program",),
            {},
            "It could not be started: No such file or directory: no-such-program.",
        ),
        (("true",), {"A": "\0"}, "It could not be started: embedded null byte."),
    ],
)
def test_job_that_cannot_be_started_reports_the_error(tmp_path, argv, env, says):
    outcome = jobs.run_process(
        Call(argv, tmp_path, env), tmp_path / "job.log", timeout=9, stopped=lambda: False, started=print
    )

    assert (outcome.error, outcome.is_clean) == (says, False)


def test_no_job_is_started_whose_log_cannot_be_written(call, tmp_path):
    (tmp_path / "logs").touch()

    with pytest.raises(jobs.CannotLog, match="cannot be written: File exists"):
        jobs.run_process(
            Call(("true",), tmp_path, {}),
            tmp_path / "logs" / "job.log",
            timeout=9,
            stopped=lambda: False,
            started=print,
        )


def test_no_job_is_started_on_a_full_disk(call, monkeypatch):
    monkeypatch.setattr(jobs, "LEAST_FREE", 10**18)

    with pytest.raises(jobs.CannotLog, match="MB left; the console needs"):
        call("true")


def test_a_job_that_takes_too_long_is_ended(call):
    outcome = call("sleep 100", timeout=0.05)

    assert (outcome.timed_out, outcome.exit_status) == (True, None)


def test_stopped_job_is_terminated_with_its_child_processes(call, tmp_path):
    command = "(sh -c 'echo $$ > grandchild; sleep 100' &) ; echo $$ > child; sleep 100"

    outcome = call(
        command, stopped=lambda: bool(written(tmp_path, "grandchild") and written(tmp_path, "child"))
    )

    assert outcome.stopped
    assert not psutil.pid_exists(int(written(tmp_path, "child")))
    wait_until(lambda: not psutil.pid_exists(int(written(tmp_path, "grandchild"))))


def test_stopped_job_that_ignores_sigterm_is_killed(call, tmp_path, monkeypatch):
    monkeypatch.setattr(timing, "JOB_GRACE", 0.1)

    outcome = call(
        "trap '' TERM; echo up > up; while :; do sleep 0.1; done", stopped=lambda: written(tmp_path, "up")
    )

    assert outcome.stopped


def test_background_processes_of_a_job_end_with_it(call, tmp_path):
    call("sleep 100 & echo $! > left")

    wait_until(lambda: not psutil.pid_exists(int(written(tmp_path, "left"))))


def test_a_console_that_fails_meanwhile_leaves_no_job(call):
    pids = []

    def fail(pid: int, at: float) -> None:
        pids.append(pid)
        raise RuntimeError("the database is away")

    with pytest.raises(RuntimeError):
        call("sleep 100", started=fail)

    assert not psutil.pid_exists(pids[0])


def test_a_job_does_not_begin_before_it_is_written_down(call, tmp_path):
    def started(pid: int, known_as: str) -> None:
        wait_until(lambda: psutil.Process(pid).name() == "sh")  # it is there, and waits
        assert known_as == processes.identity(pid)
        (tmp_path / "job.log").write_text("written down first\n")

    call("echo began", started=started)

    assert written(tmp_path) == "written down first\nbegan\n"


def test_a_job_never_begins_for_a_worker_that_is_fenced(call, tmp_path):
    def started(pid: int, known_as: str) -> None:
        wait_until(lambda: psutil.Process(pid).name() == "sh")
        raise LeaseLost

    with pytest.raises(LeaseLost):
        call("echo began", started=started)

    assert written(tmp_path) == ""


def test_many_calls_leave_no_process_and_no_open_file(call):
    me = psutil.Process()
    call("true")
    before = me.num_fds()

    for _ in range(200):
        call("true")

    assert me.num_fds() == before
    assert [child for child in me.children() if child.status() == psutil.STATUS_ZOMBIE] == []


# Orphans ------------------------------------------------------------------------------------------


@pytest.fixture
def orphan():
    process = psutil.Popen(["sleep", "100"], start_new_session=True)
    yield process
    if process.poll() is None:
        process.kill()
        process.wait()


def test_an_orphan_is_ended(orphan):
    assert processes.end_orphan(orphan.pid, processes.identity(orphan.pid))
    assert orphan.wait() == -15


def test_process_that_reused_the_pid_of_an_orphaned_job_is_not_terminated(orphan):
    assert not processes.end_orphan(orphan.pid, f"{processes.boot()} 1")
    assert orphan.poll() is None


def test_child_processes_of_a_dead_orphaned_job_are_terminated(tmp_path):
    leader = psutil.Popen(["sh", "-c", f"sleep 100 & echo $! > {tmp_path}/left"], start_new_session=True)
    known_as = processes.identity(leader.pid)
    leader.wait()
    left = int(written(tmp_path, "left"))

    assert processes.end_orphan(leader.pid, known_as)
    wait_until(lambda: not psutil.pid_exists(left))


def test_unrecorded_orphaned_job_is_found_by_its_open_log(tmp_path):
    log = tmp_path / "attempt-1.log"
    with log.open("w") as output:
        orphan = psutil.Popen(["sleep", "100"], stdout=output, start_new_session=True)

    assert processes.end_orphan(None, "", log=log)
    assert orphan.wait() == -15
    assert not processes.end_orphan(None, "", log=log)


def test_dead_process_is_not_an_orphaned_job():
    pid = os.spawnlp(os.P_NOWAIT, "true", "true")
    os.waitpid(pid, 0)

    assert not processes.end_orphan(pid, f"{processes.boot()} 1")


# The jobs' code -----------------------------------------------------------------------------------


def test_a_folder_without_git_has_no_commit(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))

    assert jobs.commit_of(tmp_path) == {}


def test_stored_commit_flags_uncommitted_changes(call, tmp_path):
    call("git init -q . && git -c user.name=a -c user.email=a@b.c commit -q --allow-empty -m one")

    found = jobs.commit_of(tmp_path)

    assert len(found["commit"]) == 40
    assert found["commit_dirty"]  # by the log that was just written
