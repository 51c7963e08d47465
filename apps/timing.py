"""Every time by which the console waits, repeats or forgets, and how these depend on each other.

Numbers are seconds. Read as `timing.LEASE` at the moment of use, so that tests set a time in one place.
"""

from __future__ import annotations

import datetime as dt

# Workers and the launcher ----------------------------------------------------------------------------

HEARTBEAT_EVERY = dt.timedelta(seconds=5)  # of every process that serves
SILENT_AFTER = dt.timedelta(seconds=20)  # without a heartbeat, a process counts as gone
WORKER_FORGOTTEN_AFTER = dt.timedelta(days=7)
WORKER_SHOWN_FOR = dt.timedelta(hours=1)  # on the page of workers, after its last heartbeat
TASKS_KEPT_FOR = dt.timedelta(days=14)

LAUNCHER_LOOKS_EVERY = 2.0  # at its processes
LAUNCHER_TICKS_EVERY = 10.0  # revives runs whose worker died, among other things
LAUNCHER_GRACE = 20.0  # that its processes have to end when it is stopped
PING_EVERY = 10.0  # a silent cluster is asked whether it lives
PING_TIMEOUT = 20.0
SHORTEST_RESTART_WAIT = 1.0  # before a process that ended is started again, twice as long each time
LONGEST_RESTART_WAIT = 30.0
SETTLED_AFTER = 60.0  # a process that lived so long waits for the shortest time again

# A run's lanes -----------------------------------------------------------------------------------------

LEASE = dt.timedelta(seconds=45)  # without a heartbeat for so long, a lane is nobody's
LEASE_HEARTBEAT_EVERY = 5.0
REQUESTS_READ_EVERY = 0.5  # pause, stop, cancel, while a call is under way
SLICE = 45.0  # of work on a lane before the next task's turn
LONGEST_CALL = 110 * 60  # a worker's task is ended after two hours, and a call is a part of one

DB_RETRY_FOR = 40.0  # while the console's database is locked or restarts
DB_RETRY_EVERY = 0.5

# A call of a job ---------------------------------------------------------------------------------------

STOP_READ_EVERY = 0.25  # whether the call under way is to end
JOB_GRACE = 10.0  # between asking a process group to end and killing it
CHECK_GRACE = 15.0  # that a pre-flight check which calls something has beyond its own time limit

# A run that pauses and tries again ------------------------------------------------------------------------

WAREHOUSE_RETRY_FOR = 20.0  # before the run pauses
SHORTEST_PAUSE = 30.0  # of a run that tries again by itself, twice as long each time
LONGEST_PAUSE = dt.timedelta(minutes=15)
ORPHANS_CANCELLED_EVERY = dt.timedelta(seconds=30)  # the same job, until it is over
RECENT_DEATHS = dt.timedelta(hours=1)  # of workers, that count against a step
RECENT_READERS = dt.timedelta(minutes=10)  # processes of the console that may have held the warehouse's file

SHORTEST_STALL = dt.timedelta(minutes=10)  # for less without output, nothing is called stalled
OUTSIDE_WORK_LATELY = dt.timedelta(hours=24)  # outside the console, that is called recent
LONGEST_PREFLIGHT = dt.timedelta(minutes=20)  # the cluster ends a task after 15
RUN_WATCHED_EVERY = 1.0  # by `backfill --wait`

# Scans ---------------------------------------------------------------------------------------------------

MINUTES_BETWEEN_SCANS = 15
LONGEST_SCAN = dt.timedelta(minutes=20)  # the cluster ends a task after 15
OUTAGE_CHECK_TURN = 50.0  # that the check after an outage waits for the file, until the next check
CALENDAR_NEWS = dt.timedelta(hours=24)  # that a change of the calendar is shown as news

# Warehouses ----------------------------------------------------------------------------------------------

DUCKDB_OPEN_RETRY_FOR = 10.0  # while another process holds the file
DUCKDB_TURN_TIMEOUT = 120.0  # a call of automatic size is over by then
DUCKDB_TURN_READ_EVERY = 0.02
BIGQUERY_RETRY_FOR = 60.0
BIGQUERY_REQUEST_TIMEOUT = 60.0
BIGQUERY_QUERY_TIMEOUT = 600.0  # of a query of the console's own
BIGQUERY_CANCEL_TIMEOUT = 240.0  # of a job that the call started: with the longest call less than a task has
BIGQUERY_ORPHAN_CANCEL_TIMEOUT = 30.0  # of a job that somebody else left
BIGQUERY_POLL_AFTER = (0.1, 0.2, 0.5, 1.0, 2.0)  # between two looks at a script; the last one from then on
QUOTA_RETRY_AFTER = dt.timedelta(minutes=10)  # where nothing says when it is given anew
QUOTA_MARGIN = dt.timedelta(minutes=2)  # so that a clock that is ahead does not cost another day

# Mails ---------------------------------------------------------------------------------------------------

MAIL_RETRY_AFTER = tuple(dt.timedelta(minutes=minutes) for minutes in (1, 2, 5, 15, 60, 4 * 60, 12 * 60))
BETWEEN_FAILURE_MAILS = dt.timedelta(hours=1)  # about new kinds of failures of one run
BETWEEN_WAIT_MAILS = dt.timedelta(hours=12)  # about a run that tries again by itself and has to wait again


def contradictions() -> list[str]:
    """What must hold between these times and does not, a sentence each."""
    lease, silent = LEASE.total_seconds(), SILENT_AFTER.total_seconds()
    rules = {
        "A lease outlives three missed heartbeats.": lease > 3 * LEASE_HEARTBEAT_EVERY,
        "A lease outlives the retries of the console's database.": lease > DB_RETRY_FOR,
        "A worker is silent after three missed heartbeats.": 3 * HEARTBEAT_EVERY.total_seconds() < silent,
        "Requests are read more often than the lease is renewed.": REQUESTS_READ_EVERY
        < LEASE_HEARTBEAT_EVERY,
        "The launcher's grace is longer than a job's.": JOB_GRACE < LAUNCHER_GRACE,
        "A check's grace is longer than a job's.": JOB_GRACE < CHECK_GRACE,
        "A cluster has more time for a ping than between two.": PING_EVERY < PING_TIMEOUT,
        "Pauses grow.": LONGEST_PAUSE.total_seconds() > SHORTEST_PAUSE,
        "Waits before a restart grow.": SHORTEST_RESTART_WAIT < LONGEST_RESTART_WAIT,
        "A task works for a slice of the longest call.": SLICE < LONGEST_CALL,
        "The launcher ticks before a lease runs out.": lease > LAUNCHER_TICKS_EVERY,
    }
    return [rule for rule, holds in rules.items() if not holds]
