"""What chaos does to the processes that serve a run: kills, freezes for longer than a lease, restarts."""

from __future__ import annotations

import contextlib
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import psutil

from tests.stage import LONGEST_SILENCE
from tests.workers.served import Served

Processes = list[psutil.Process]


def worker(served: Served, chance: random.Random) -> Processes:
    return [chance.choice(served.workers("runs"))]


def job(served: Served, chance: random.Random) -> Processes:
    jobs = [job for each in served.workers("runs") for job in each.children()]
    return [chance.choice(jobs)]


def worker_with_its_job(served: Served, chance: random.Random) -> Processes:
    (chosen,) = worker(served, chance)
    return [chosen, *chosen.children()]


def pusher_or_monitor(served: Served, chance: random.Random) -> Processes:
    return [chance.choice(served.auxiliaries("runs"))]


def sentinel(served: Served, chance: random.Random) -> Processes:
    return [served.sentinel("runs")]


def cluster(served: Served, chance: random.Random) -> Processes:
    return [served.main("runs")]


def whole_machine(served: Served, chance: random.Random) -> Processes:
    return [served.process, *served.process.children(recursive=True)]


def launcher(served: Served, chance: random.Random) -> Processes:
    return [served.process]


KILL, END, FREEZE, RESTART = "kill", "end", "freeze", "restart"
# What is done to whom, and how often beside the others.
HARMS: tuple[tuple[str, Callable[[Served, random.Random], Processes], int], ...] = (
    (KILL, worker, 6),
    (FREEZE, worker, 6),
    (FREEZE, worker_with_its_job, 4),
    (KILL, job, 4),
    (END, job, 1),
    (FREEZE, job, 2),
    (KILL, pusher_or_monitor, 1),
    (FREEZE, pusher_or_monitor, 1),
    (KILL, sentinel, 1),
    (KILL, cluster, 1),
    (FREEZE, whole_machine, 2),
    (KILL, launcher, 2),
    (RESTART, launcher, 2),
)


@dataclass
class Harm:
    """Does one thing after another, each time to somebody else, and remembers what it did to whom."""

    chance: random.Random
    began_at: float = field(default_factory=time.monotonic)
    done: list[str] = field(default_factory=list)
    frozen: list[tuple[float, Processes]] = field(default_factory=list)

    def do(self, machines: list[Served]) -> bool:
        """One thing to one machine; False where there was nobody to do it to just then."""
        served = self.chance.choice(machines)
        (how, whom, _), *_ = self.chance.choices(HARMS, [weight for *_, weight in HARMS])
        served.look()
        try:
            victims = whom(served, self.chance)
        except (psutil.Error, IndexError):
            return False
        self.note(f"{how} {whom.__name__} of {served.name}: {', '.join(str(each.pid) for each in victims)}")
        getattr(self, how)(served, victims)
        return True

    def note(self, what: str) -> None:
        self.done.append(f"{time.monotonic() - self.began_at:6.2f} s  {what}")

    def kill(self, served: Served, victims: Processes) -> None:
        send(signal.SIGKILL, victims)
        if served.process in victims:
            self.start_again(served)

    def end(self, served: Served, victims: Processes) -> None:
        send(signal.SIGTERM, victims)

    def freeze(self, served: Served, victims: Processes) -> None:
        send(signal.SIGSTOP, victims)
        seconds = self.chance.uniform(0.2, 1) + self.chance.choice((0, LONGEST_SILENCE, LONGEST_SILENCE))
        self.frozen.append((time.monotonic() + seconds, victims))
        self.note(f"... for {seconds:.2f} s")

    def restart(self, served: Served, victims: Processes) -> None:
        self.thaw(all_of_them=True)  # who is frozen cannot be asked to end
        send(signal.SIGTERM, victims)
        self.start_again(served)

    def start_again(self, served: Served) -> None:
        served.process.wait(timeout=60)
        served.start()

    def thaw(self, *, all_of_them: bool = False) -> None:
        """Wakes whose time has come."""
        now = time.monotonic()
        due = [entry for entry in self.frozen if all_of_them or entry[0] <= now]
        self.frozen = [entry for entry in self.frozen if entry not in due]
        for _, victims in due:
            send(signal.SIGCONT, victims)
            self.note(f"wake {', '.join(str(each.pid) for each in victims)}")


def send(number: signal.Signals, processes: Processes) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.send_signal(number)
