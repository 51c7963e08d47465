"""Which code a run ran: the commit is kept with each call, and a change in the middle of a run is told."""

import subprocess
from pathlib import Path

import pytest

from apps.runs.calls import commits
from tests.conftest import day
from tests.runs.pages.conftest import words

WEEK = {"tables": ["daily.sales"], "start": day("01-01"), "end": day("01-06")}
AS_ANNA = ("-c", "user.name=anna", "-c", "user.email=anna@shop.example")


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *AS_ANNA, *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(folder: Path) -> str:
    git(folder, "commit", "-q", "--allow-empty", "-m", "one more")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def repository(shop: Path) -> Path:
    """The folder of the shop's jobs, under version control of its own; its pipeline file is elsewhere."""
    folder = shop.parent / "jobs"
    git(folder, "init", "-q")
    git(folder, "add", ".")
    commit(folder)
    return folder


def told(run) -> list[str]:
    return list(run.events.filter(kind="commit").values_list("text", flat=True))


def test_each_call_keeps_the_commit_of_its_jobs_folder(launch, drive, repository):
    first = git(repository, "rev-parse", "HEAD")
    run = drive(launch(batch=3, **WEEK), attempts=1)
    second = commit(repository)

    drive(run)

    assert list(run.attempts.order_by("number").values_list("commit", flat=True)) == [first, second]
    assert told(run) == [f"The jobs' code changed from {first[:7]} to {second[:7]} before attempt 2"]


def test_run_with_one_commit_has_no_code_change_event(launch, drive, repository):
    assert told(drive(launch(batch=3, **WEEK))) == []


def test_commit_between_launch_and_first_attempt_is_reported(launch, drive, shop):
    git(shop.parent, "init", "-q")
    first = commit(shop.parent)
    run = launch(**WEEK)
    second = commit(shop.parent)

    drive(run)

    assert run.commit == first
    assert told(run) == [f"The jobs' code changed from {first[:7]} to {second[:7]} before attempt 1"]


@pytest.mark.parametrize("kept", ["loose", "packed", "detached", "branch with a slash"])
def test_a_commit_is_read_as_git_reads_it(repository, kept):
    if kept == "packed":
        git(repository, "pack-refs", "--all")
    if kept == "detached":
        git(repository, "checkout", "-q", "--detach")
    if kept == "branch with a slash":
        git(repository, "checkout", "-q", "-b", "anna/try")

    assert commits.head(repository / "deeper") == git(repository, "rev-parse", "HEAD")


def test_a_worktree_has_its_own_commit(repository, tmp_path):
    git(repository, "worktree", "add", "-q", str(tmp_path / "other"), "-b", "other")
    other = commit(tmp_path / "other")

    assert commits.head(tmp_path / "other") == other != commits.head(repository)


def test_a_folder_under_no_version_control_has_no_commit(tmp_path):
    assert commits.head(tmp_path) == ""


def test_run_page_shows_each_later_commit_and_its_start_time(launch, drive, shop, operating):
    git(shop.parent, "init", "-q")
    first = commit(shop.parent)
    run = launch(batch=3, **WEEK)
    drive(run, attempts=1)
    second = commit(shop.parent)
    drive(run)

    head = words(operating.get(run.get_absolute_url()).content.decode())

    assert f"jobs at {first[:7]}" in head
    since = run.attempts.get(number=2).started_at
    assert commits.of_run(run)[1:] == [(second, 2, since)]
    assert f"ran at {second[:7]} from" in head


def test_a_run_of_one_commit_names_no_other(launch, drive, shop, operating):
    git(shop.parent, "init", "-q")
    commit(shop.parent)
    run = drive(launch(batch=3, **WEEK))

    assert "ran at" not in words(operating.get(run.get_absolute_url()).content.decode())
