"""Checks that call something: a command, an address, the interpreter of the jobs. Never through a shell."""

from __future__ import annotations

import ast
import os
import re
import shlex
import sys
import tempfile
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from apps import masking
from apps.pipeline import files
from apps.pipeline.check_kinds import PROGRAM, Command, Http, Imports
from apps.pipeline.sections import Table
from apps.runs.calls import jobs
from apps.runs.calls.jobs import Call, Outcome
from apps.runs.failures import log_messages
from apps.runs.preflight import remedies
from apps.runs.preflight.facts import Facts
from apps.runs.preflight.finding import Finding, failed, passed, skipped, some, unknown
from apps.text import count

LARGEST = 200_000  # bytes of an answer that are looked at
LONGEST_QUOTE = 300


@dataclass(frozen=True)
class CommandResult:
    """How a command ended, what it printed, and what of that is an error."""

    outcome: Outcome
    output: str
    errors: tuple[str, ...] = ()

    @property
    def last_line(self) -> str:
        lines = [line for line in self.output.splitlines() if line.strip()]
        return masking.text(lines[-1].strip())[:LONGEST_QUOTE] if lines else ""


def perform(call: Call, *, timeout: float) -> CommandResult:
    """Calls a command like a job, reads its log and deletes it."""
    with tempfile.TemporaryDirectory(prefix="preflight-") as folder:
        log = Path(folder) / "log"
        outcome = jobs.run_process(
            call, log, timeout=timeout, stopped=lambda: False, started=lambda pid, known_as: None
        )
        output = log_messages.tail(log, LARGEST)
        return CommandResult(
            outcome, output, tuple(line for line, is_error in log_messages.log_lines(log) if is_error)
        )


def not_answered(said: CommandResult, timeout: float) -> Finding | None:
    """Why the command says nothing about the question; None if it came to its end."""
    if said.outcome.timed_out:
        return unknown(f"Did not end within {timeout:.0f} s.", threshold=f"{timeout:.0f} s")
    if said.outcome.error:
        return unknown(f"Could not be asked. {said.outcome.error}")
    return None


def command(asked: Command, facts: Facts) -> Iterator[Finding]:
    """Checks the exit status of a command, and its output for a pattern."""
    argv = tuple(word.replace(PROGRAM, sys.executable) for word in asked.command)
    call = Call(argv, facts.pipeline.inside(asked.cwd), asked.env)
    said = perform(call, timeout=asked.timeout)
    words = shlex.join(call.shown_argv)
    remedy = f"cd {shlex.quote(str(call.cwd))} && {words}"
    if unanswered := not_answered(said, asked.timeout):
        yield replace(unanswered, command=remedy)
    else:
        yield judged(asked, said, words, remedy)


def judged(asked: Command, said: CommandResult, words: str, remedy: str) -> Finding:
    status = said.outcome.exit_status
    shown = {"value": f"exit {status}", "threshold": f"exit {asked.exit_status}", "detail": said.last_line}
    if status != asked.exit_status:
        return failed(f"{words} ended with {status}.", command=remedy, **shown)
    if asked.pattern and not re.search(asked.pattern, said.output, re.MULTILINE):
        shown["threshold"] = f"says {asked.pattern}"
        return failed(f"{words} did not say what it should.", command=remedy, **shown)
    return passed("The command ended as it should.", **shown)


def http(asked: Http, facts: Facts) -> Iterator[Finding]:
    """A refused connection is a failure: no server listens there. Any other connection error is unknown."""
    try:
        status, text = fetch(asked.url, asked.timeout)
    except OSError as error:
        reason = getattr(error, "reason", error)
        shown = masking.text(asked.url)
        wanted = {"threshold": str(asked.status), "command": remedies.fetch(asked.url, asked.timeout)}
        if isinstance(reason, ConnectionRefusedError):
            yield failed(f"{shown} does not answer: the connection is refused.", **wanted)
        else:
            yield unknown(f"{shown} could not be asked: {reason}.", **wanted)
        return
    yield answered(asked, status, text)


def fetch(url: str, timeout: float) -> tuple[int, str]:
    request = urllib.request.Request(url, headers={"User-Agent": "backfill-console pre-flight"})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            return response.status, response.read(LARGEST).decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read(LARGEST).decode(errors="replace")


def answered(asked: Http, status: int, text: str) -> Finding:
    shown = {"value": str(status), "threshold": str(asked.status)}
    remedy = remedies.fetch(asked.url, asked.timeout)
    url = masking.text(asked.url)
    if status != asked.status:
        return failed(f"{url} answers {status}.", command=remedy, **shown)
    if asked.contains and asked.contains not in text:
        return failed(f'{url} answers without "{asked.contains}" in its text.', command=remedy, **shown)
    return passed(f"{url} answers.", **shown)


# Imports ------------------------------------------------------------------------------------------

CANNOT = "cannot import "
TRY_TO_IMPORT = """
import importlib, sys
place = sys.argv.index("--")
sys.path[:0] = sys.argv[1:place]
for name in sys.argv[place + 1 :]:
    try:
        importlib.import_module(name)
    except BaseException as error:
        print(f"cannot import {name}: {type(error).__name__}: {error}")
print("done")
"""


@dataclass(frozen=True)
class Interpreter:
    """Where jobs of one kind run."""

    program: str
    cwd: Path
    env: tuple[tuple[str, str], ...]


def python(asked: Imports, facts: Facts) -> Iterator[Finding]:
    """Without names it is about what the scripts of the jobs import. The script itself is not run."""
    found: dict[Interpreter, dict[str, set[str]]] = defaultdict(lambda: {"folders": set(), "modules": set()})
    for table in facts.jobs(asked):
        if (own := interpreter(facts, table)) is None:
            continue
        for script in scripts(facts, table):
            found[own]["folders"].add(str(script.parent))
            found[own]["modules"] |= set(asked.modules) or imported(script)
    if not found:
        yield skipped("No job of these tables is a Python script.")
    for where, names in found.items():
        yield tried(where, sorted(names["folders"]), sorted(names["modules"]), asked.timeout)


def interpreter(facts: Facts, table: Table) -> Interpreter | None:
    """None for a job that is no Python."""
    assert table.job
    if not table.job.command:
        return None
    program = table.job.command[0].replace(PROGRAM, sys.executable)
    if not re.fullmatch(r"python[\d.]*", os.path.basename(program)):
        return None
    return Interpreter(program, facts.pipeline.inside(table.job.cwd), tuple(table.job.env.items()))


def scripts(facts: Facts, table: Table) -> list[Path]:
    assert table.job
    folder = facts.pipeline.inside(table.job.cwd)
    return [folder / word for word in files.scripts(table.job.command) if (folder / word).is_file()]


def imported(script: Path) -> set[str]:
    """The modules that a script names in its imports; SyntaxError if it is no Python."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(script.read_bytes(), str(script))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return names


def tried(where: Interpreter, folders: list[str], modules: list[str], timeout: float) -> Finding:
    argv = (where.program, "-c", TRY_TO_IMPORT, *folders, "--", *modules)
    env: Mapping[str, str] = dict(where.env)
    said = perform(Call(argv, where.cwd, env), timeout=timeout)
    lines = said.output.splitlines()
    gone = [line for line in lines if line.startswith(CANNOT)]
    first = gone[0].removeprefix(CANNOT).partition(":")[0] if gone else ", ".join(modules) or "sys"
    path = os.pathsep.join(filter(None, (*folders, env.get("PYTHONPATH", ""))))
    remedy = remedies.import_module(where.program, where.cwd, path, first)
    if finding := not_answered(said, timeout):
        return replace(finding, command=remedy)
    if gone:
        return failed(
            f"{where.program} {gone[0]}.",
            value=count(len(gone), "module"),
            detail=some(gone[1:]),
            command=remedy,
        )
    if not lines or lines[-1] != "done":
        return unknown(f"{where.program} did not come to its end: {said.last_line}", command=remedy)
    return passed(
        "All that the jobs import is there.", value=count(len(modules), "module"), detail=where.program
    )
