"""A round of chaos: a run of three hundred steps, performed while things happen to those who perform it."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.chaos.grounds import Ground
from tests.chaos.harms import Harm
from tests.workers.served import Served, wait_until

PATIENCE = 150.0  # seconds after which the run should long have ended
GLANCE = 0.5
FINISHED = ("succeeded", "failed", "cancelled")


@dataclass
class Round:
    """`machines` are the launchers that serve the run; `token` is in the environment of all that they start."""

    seed: int
    ground: Ground
    folder: Path
    machines: list[Served]
    token: str

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.harm = Harm(self.chance)
        self.harms_left = self.chance.randint(5, 9)
        self.next_harm_at = self.next_look_at = 0.0

    def perform(self) -> None:
        """Until the run has ended and nobody is left who could still do anything."""
        wait_until(lambda: all(served.is_complete("runs") for served in self.machines), "all machines serve")
        give_up_at = time.monotonic() + PATIENCE
        while not self.has_ended() and time.monotonic() < give_up_at:
            self.harm.thaw()
            self.do_harm(time.monotonic())
            time.sleep(0.05)
        self.harm.note(f"the run is {self.status()}")
        self.harm.thaw(all_of_them=True)
        time.sleep(0.3)  # who woke has the time to do what it should not
        for served in self.machines:
            served.stop()

    def do_harm(self, now: float) -> None:
        if self.harms_left and now >= self.next_harm_at and self.harm.do(self.machines):
            self.harms_left -= 1
            self.next_harm_at = now + self.chance.uniform(0.3, 2.5)

    def has_ended(self) -> bool:
        """Asked now and then only: a question to PostgreSQL costs more than it seems."""
        if time.monotonic() < self.next_look_at:
            return False
        self.next_look_at = time.monotonic() + GLANCE
        return self.status() in FINISHED

    def status(self) -> str:
        return self.ask("SELECT status FROM runs_run")[0][0]

    def ask(self, sql: str) -> list[tuple]:
        return self.machines[0].ask(sql)

    def left(self) -> list[psutil.Process]:
        """Who is alive of all that was started, jobs and their children too."""
        return [process for process in psutil.process_iter() if self.is_ours(process)]

    def is_ours(self, process: psutil.Process) -> bool:
        try:
            alive = process.status() != psutil.STATUS_ZOMBIE
            return alive and process.environ().get("CHAOS") == self.token
        except psutil.Error:
            return False

    # What is wrong in the end -----------------------------------------------------------------------

    def complaints(self, journal: Callable[[], list[dict]]) -> list[str]:
        return [
            *self.steps_not_verified(),
            *self.wrong_rows(),
            *(f"two wrote at once: {entry}" for entry in journal() if entry["what"] == "overlap"),
            *self.attempts_at_once(),
            *self.loose_ends(),
        ]

    def steps_not_verified(self) -> Iterator[str]:
        if self.status() != "succeeded":
            yield f"the run is {self.ask('SELECT status, pause_reason, message FROM runs_run')[0]}"
        steps = self.ask('SELECT "table", date, status, rows_after, message FROM runs_step ORDER BY position')
        if len(steps) != self.ground.steps:
            yield f"there are {len(steps)} steps"
        for table, date, status, rows, message in steps:
            if status != "succeeded" or rows != self.ground.rows[table]:
                yield f"step {table} {date} is {status} with {rows} rows: {message}"

    def wrong_rows(self) -> Iterator[str]:
        found, expected = self.ground.found(self.folder), self.ground.expected()
        for table, date in sorted(found.keys() | expected.keys()):
            rows = found.get((table, date), 0), expected.get((table, date), 0)
            if rows[0] != rows[1]:
                yield f"{table} {date} has {rows[0]} rows instead of {rows[1]}"

    def attempts_at_once(self) -> Iterator[str]:
        """Attempts on one table, each from its start to the moment when it was decided or given up."""
        attempts = self.ask(
            'SELECT number, "table", dates, status, started_at, finished_at FROM runs_attempt ORDER BY number'
        )
        for place, (number, table, dates, status, _, ended) in enumerate(attempts):
            if ended is None:
                yield f"attempt {number} of {table} is {status} for ever"
                continue
            for other, its_table, its_dates, _, began, _ in attempts[place + 1 :]:
                if its_table == table and began < ended and set(as_list(dates)) & set(as_list(its_dates)):
                    yield f"attempts {number} and {other} were at {table} at once"

    def loose_ends(self) -> Iterator[str]:
        for process in self.left():
            yield f"still alive: {process}"
        for table, date, activity in self.ask(
            "SELECT \"table\", date, activity FROM coverage_partition WHERE activity <> ''"
        ):
            yield f"{table} {date} is shown as {activity}"
        for served in self.machines:
            if "Traceback" in served.says:
                yield f"{served.name} had an error nobody expected:\n{served.says}"

    # For whoever looks into it ----------------------------------------------------------------------

    def summary(self) -> str:
        attempts = Counter(status for (status,) in self.ask("SELECT status FROM runs_attempt"))
        ended = ", ".join(f"{times} {status}" for status, times in attempts.items())
        head = f"seed {self.seed}: {self.ground.name}, {self.ground.lanes} lanes"
        return "\n".join([head, *self.harm.done, f"attempts: {ended}"])

    def story(self) -> str:
        attempts = self.ask(
            'SELECT number, worker, "table", status, started_at, finished_at, exit_status, dates, message '
            "FROM runs_attempt ORDER BY number"
        )
        events = self.ask("SELECT at, kind, text FROM runs_event ORDER BY id")
        return "\n".join(
            [self.summary()]
            + [" ".join(str(value) for value in row) for row in (*attempts, *events)]
            + [f"{served.name} said:\n{served.says}" for served in self.machines]
        )


def as_list(dates: object) -> list[str]:
    """SQLite gives JSON as text, PostgreSQL as a list."""
    return json.loads(dates) if isinstance(dates, str) else list(dates)
