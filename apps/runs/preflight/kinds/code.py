"""Checks of what is on the disk beside the pipeline file: scripts, safety flags, and the commit that they are of."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path

from apps.pipeline import files
from apps.pipeline.check_kinds import Commit, FileExists, MustContain
from apps.pipeline.sections import Table
from apps.runs.calls import jobs
from apps.runs.preflight import remedies
from apps.runs.preflight.facts import Facts
from apps.runs.preflight.finding import Finding, failed, passed, skipped, unknown
from apps.text import count

LARGEST = 5_000_000  # bytes of a file that is searched for words


def file(asked: FileExists, facts: Facts) -> Iterator[Finding]:
    """Without names it is about what the jobs of the tables asked for name."""
    wanted = [facts.pipeline.inside(name) for name in asked.files]
    if not asked.files or asked.names_any:
        wanted += [path for table in facts.jobs(asked) for path in files_of(facts, table)]
    gone = [path for path in dict.fromkeys(wanted) if not os.access(path, os.R_OK)]
    for path in gone:
        yield failed(f"{path} is not there, or cannot be read.", command=remedies.list_folder(path))
    if not wanted:
        yield skipped("No job of these tables names a file.")
    elif not gone:
        yield passed("Every file is there.", value=count(len(set(wanted)), "file"))


def files_of(facts: Facts, table: Table) -> list[Path]:
    assert table.job
    if table.job.sql:
        return [facts.pipeline.inside(table.job.sql)]
    folder = facts.pipeline.inside(table.job.cwd)
    return [folder, *(folder / word for word in files.scripts(table.job.command))]


def must_contain(asked: MustContain, facts: Facts) -> Iterator[Finding]:
    """Finds words in files, each with its line; or the safety flags of jobs in the pipeline file as it is now."""
    if asked.files:
        for name in asked.files:
            yield from in_file(facts.pipeline.inside(name), asked.words)
        return
    tables = [table for table in facts.jobs(asked) if table.job and table.job.must_contain]
    if not tables:
        yield skipped("No job of these tables has words that it must contain.")
    lines = numbered(facts.pipeline.path)
    for table in tables:
        yield flags(facts.pipeline.path, lines, table)


def numbered(path: Path) -> list[tuple[int, str]]:
    with path.open(encoding="utf-8-sig", errors="replace") as text:
        return list(enumerate(text.read(LARGEST).splitlines(), 1))


def in_file(path: Path, words: tuple[str, ...]) -> Iterator[Finding]:
    try:
        lines = numbered(path)
    except OSError as error:
        yield unknown(
            f"{path} could not be read: {error.strerror}.", command=remedies.list_folder(path.parent)
        )
        return
    for word in words:
        found = next((number for number, line in lines if word in line), None)
        if found:
            yield passed(f"{path.name} has {word}.", value=f"{path}:{found}")
        else:
            yield failed(f"{path} does not have {word}.", threshold=word, command=remedies.open_editor(path))


def flags(path: Path, lines: list[tuple[int, str]], table: Table) -> Finding:
    """Where the table's job says each of its flags. The file may have changed since this process read it."""
    assert table.job
    own = section(lines, table.name)
    places = {}
    for word in table.job.must_contain:
        number = next((number for number, line in own if says(line, word)), None)
        if number is None:
            return failed(
                f"The job of {table.name} does not say {word} in {path.name} any more; put it back, then restart.",
                value=f"{path}:{own[0][0]}" if own else str(path),
                threshold=word,
                command=remedies.open_editor(path, own[0][0] if own else 1),
            )
        places[word] = number
    said = ", ".join(f"{word} in line {number}" for word, number in places.items())
    return passed(f"The job of {table.short_name} says {said}.", value=f"{path}:{min(places.values())}")


def section(lines: list[tuple[int, str]], table: str) -> list[tuple[int, str]]:
    """The lines of a table: from its name to the next part of the file that is not its own."""
    start = next((place for place, (_, line) in enumerate(lines) if names(line, table)), None)
    if start is None:
        return []
    end = next(
        (place for place in range(start, len(lines)) if lines[place][1].lstrip().startswith("[[")), len(lines)
    )
    return lines[start:end]


def names(line: str, table: str) -> bool:
    key, _, value = line.partition("=")
    return key.strip() == "name" and value.strip().strip("\"'") == table


def says(line: str, word: str) -> bool:
    """Whether a line of the job has the word; the line that demands it and comments do not count."""
    return not line.lstrip().startswith(("must_contain", "#")) and (
        f'"{word}"' in line or f"'{word}'" in line or is_variable(line, word)
    )


def is_variable(line: str, word: str) -> bool:
    name, has_value, value = word.partition("=")
    return bool(has_value) and name in line and value in line


def commit(asked: Commit, facts: Facts) -> Iterator[Finding]:
    """The code that would run must be that of a commit, so that it can be looked up later."""
    folder = facts.pipeline.folder
    stamp = jobs.commit_of(folder)
    if not stamp:
        yield unknown(
            f"Nobody can say which code would run: {folder} is in no git repository, or git does not answer.",
            command=f"git -C {shlex.quote(str(folder))} status -- .",
        )
        return
    head = stamp["commit"][:12]
    if not stamp["commit_dirty"]:
        yield passed("The jobs' folder is as its commit has it.", value=head)
        return
    changed = jobs.git(folder, "status", "--porcelain", "--", ".").splitlines()
    yield failed(
        f"Files of the jobs' folder differ from commit {head}: a run would be of code that is in no commit.",
        value=count(len(changed), "file"),
        detail=", ".join(line.strip() for line in changed[:5]),
        command=f"git -C {shlex.quote(str(folder))} status -- .",
    )
