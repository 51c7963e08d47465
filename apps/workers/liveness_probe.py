"""The liveness probe of a cluster: a ping in its queue must be answered.

A heartbeat is not enough: a worker that waits for ever on a lock has one too. So the launcher puts a ping
into the cluster's queue and checks that the row goes away, which takes all of it: pusher, worker and
monitor. A cluster whose workers are all busy, with a heartbeat, is excused: the ping waits
behind the work. All times are of the monotonic clock, so that a suspended machine is not "silent".
"""

from __future__ import annotations

from dataclasses import dataclass

from apps import timing


@dataclass
class LivenessProbe:
    """alive_at: the last sign of life. ping: the queue row of the pending ping, if any."""

    alive_at: float
    ping: int | None = None

    def should_ping(self, now: float) -> bool:
        return self.ping is None and now - self.alive_at >= timing.PING_EVERY

    def pinged(self, ping: int, now: float) -> None:
        # However late the ping is sent, the answer has PING_TIMEOUT.
        self.ping, self.alive_at = ping, max(self.alive_at, now - timing.PING_EVERY)

    def answered(self, now: float) -> None:
        self.ping, self.alive_at = None, now

    def excused(self, now: float) -> None:
        """Something else explains the silence: all workers are busy, or the database did not answer."""
        self.alive_at = now

    def is_silent(self, now: float) -> bool:
        return self.ping is not None and now - self.alive_at > timing.PING_TIMEOUT
