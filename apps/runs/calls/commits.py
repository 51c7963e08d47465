"""The commit of the code that a call runs, read from the files of git: cheap enough for every call."""

from __future__ import annotations

import datetime as dt
import re
from contextlib import suppress
from pathlib import Path

from django.db.models import Min

from apps.runs.calls import jobs
from apps.runs.models import Attempt, Run

SHOWN = 7  # characters of a commit
HASH = re.compile(r"[0-9a-f]{40,64}$")


def head(folder: Path) -> str:
    """The commit that is checked out where the folder lies; empty if it is under no version control."""
    found = git_folder(folder)
    if found is None:
        return ""
    # What is kept in a way that this does not know, git itself can read.
    return (head_commit(found) or str(jobs.commit_of(folder).get("commit", "")))[:40]


def git_folder(folder: Path) -> Path | None:
    """The folder of the repository's own files; of a worktree or a submodule, the one that its file names."""
    for place in (folder, *folder.parents):
        git = place / ".git"
        if git.is_dir():
            return git
        if (named := read_text(git)).startswith("gitdir:"):
            return place / named.removeprefix("gitdir:").strip()
    return None


def head_commit(git: Path) -> str:
    """The commit of HEAD; empty if the files do not say."""
    named = read_text(git / "HEAD")
    if not named.startswith("ref:"):
        return named if HASH.match(named) else ""
    ref = named.removeprefix("ref:").strip()
    common = git / (read_text(git / "commondir") or ".")
    for place in (git, common):
        if HASH.match(found := read_text(place / ref)):
            return found
    for line in read_text(common / "packed-refs").splitlines():
        commit, _, name = line.partition(" ")
        if name == ref:
            return commit
    return ""


def read_text(path: Path) -> str:
    with suppress(OSError, UnicodeDecodeError):
        return path.read_text().strip()
    return ""


# What a run ran -----------------------------------------------------------------------------------


def record_change(attempt: Attempt, launched_from: Path) -> None:
    """Writes a line in the run's timeline where the attempt runs other code than the run did in this folder before."""
    run = attempt.run
    earlier = run.attempts.filter(cwd=attempt.cwd, number__lt=attempt.number).exclude(commit="")
    before = earlier.order_by("-number").values_list("commit", flat=True).first()
    if before is None and git_folder(Path(attempt.cwd)) == git_folder(launched_from):
        before = run.commit  # as it was launched
    if before and attempt.commit and before != attempt.commit:
        says = f"The jobs' code changed from {before[:SHOWN]} to {attempt.commit[:SHOWN]}"
        run.record(
            "commit", f"{says} before attempt {attempt.number}", data={"from": before, "to": attempt.commit}
        )


def of_run(run: Run) -> list[tuple[str, int, dt.datetime]]:
    """The commits that the calls of a run ran, each with the number and the start of its first call, in their order."""
    found = run.attempts.exclude(commit="").order_by().values_list("commit")
    return list(found.annotate(first=Min("number"), since=Min("started_at")).order_by("first"))
