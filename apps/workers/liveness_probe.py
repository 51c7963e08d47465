"""The liveness probe of a cluster: a ping in its queue must be answered.

A beat proves little: a worker that waits for ever on a lock beats as well. So the launcher puts a ping
into the cluster's queue and looks whether the row goes away, which takes all of it: pusher, worker and
monitor. A cluster whose workers are all visibly at work (busy, and beating) is excused: the ping waits
behind the work. All moments here are of the monotonic clock, so that a suspended machine is not "silent".
"""

from __future__ import annotations

from dataclasses import dataclass

from apps import timing


@dataclass
class Pulse:
    """alive_at: the last sign of life. ping: the queue row we wait for, if any."""

    alive_at: float
    ping: int | None = None

    def should_ask(self, now: float) -> bool:
        return self.ping is None and now - self.alive_at >= timing.PING_EVERY

    def asked(self, ping: int, now: float) -> None:
        # However late we ask, the answer gets its time.
        self.ping, self.alive_at = ping, max(self.alive_at, now - timing.PING_EVERY)

    def answered(self, now: float) -> None:
        self.ping, self.alive_at = None, now

    def excused(self, now: float) -> None:
        """Something else explains the silence: all workers are busy, or the database could not be asked."""
        self.alive_at = now

    def is_silent(self, now: float) -> bool:
        return self.ping is not None and now - self.alive_at > timing.PING_TIMEOUT
