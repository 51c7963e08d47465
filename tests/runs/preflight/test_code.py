"""Checks of what is on the disk: scripts, safety flags, the commit."""

import subprocess
from pathlib import Path

import pytest

from apps.runs.preflight.finding import Level
from tests.runs.preflight.conftest import finding, result


def test_a_script_that_is_gone_is_named(checked, shop):
    (shop.parent / "jobs" / "fill.py").unlink()

    assert finding(checked(tables=["daily.sales"]), "file").text.endswith(
        "jobs/fill.py is not there, or cannot be read."
    )


def test_a_safety_flag_is_shown_with_file_and_line(checked, shop):
    lines = (shop.parent / "shop.toml").read_text().splitlines()
    number = next(n for n, line in enumerate(lines, 1) if '"--safe"]' in line)

    found = finding(checked(tables=["daily.sales"]), "must_contain")

    assert found.value == f"{shop.parent / 'shop.toml'}:{number}"


def test_a_safety_flag_that_was_taken_out_since_the_start_fails(checked, shop, pipeline):
    path = shop.parent / "shop.toml"
    path.write_text(path.read_text().replace(', "--safe"]', "]", 1))

    found = finding(checked(tables=["daily.sales"]), "must_contain")

    assert found.level == Level.FAILURE and found.threshold == "--safe"


def test_a_word_of_a_script_is_found_in_its_line(checked, configure, shop):
    script = shop.parent / "jobs" / "fill.py"
    number = next(n for n, line in enumerate(script.read_text().splitlines(), 1) if "--safe" in line)
    configure(
        '[[check]]\nname = "Flags"\nkind = "must_contain"\nfiles = ["jobs/fill.py"]\nwords = ["--safe", "--dry-run"]'
    )

    found = {each.text: each.value for each in result(checked(), "must_contain").findings}

    assert found == {"fill.py has --safe.": f"{script}:{number}", f"{script} does not have --dry-run.": ""}


@pytest.fixture
def repository(shop: Path) -> Path:
    git = ["git", "-C", str(shop.parent), "-c", "user.name=t", "-c", "user.email=t@example.com"]
    (shop.parent / ".gitignore").write_text("*.duckdb*\n")
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "jobs"]):
        subprocess.run([*git, *words], check=True)
    return shop.parent


def test_jobs_as_committed_pass(checked, repository):
    assert finding(checked(), "commit").level == Level.PASS


def test_uncommitted_jobs_give_a_warning_with_the_git_status_command(checked, repository):
    (repository / "jobs" / "fill.py").write_text("print('not deployed')\n")

    found = finding(checked(), "commit")

    assert (found.level, found.value) == (Level.WARNING, "1 file")
    assert found.command == f"git -C {repository} status -- ."


def test_jobs_in_no_repository_are_unknown(checked):
    assert finding(checked(), "commit").level == Level.UNKNOWN
