"""Every interval and timeout of the console.

Numbers are seconds. Read as `timing.LEASE` at the moment of use, so that tests set a time in one place.
`tests/test_timing.py` says how they depend on each other.
"""

from __future__ import annotations

import datetime as dt

# Workers and the launcher ----------------------------------------------------------------------------

HEARTBEAT_EVERY = dt.timedelta(seconds=5)  # of every process that serves
SILENT_AFTER = dt.timedelta(seconds=20)  # without a heartbeat, a process counts as gone
WORKER_FORGOTTEN_AFTER = dt.timedelta(days=7)
WORKER_SHOWN_FOR = dt.timedelta(hours=1)  # on the page of workers, after its last heartbeat
TASKS_KEPT_FOR = dt.timedelta(days=14)

LAUNCHER_CHECKS_EVERY = 2.0  # its processes
LAUNCHER_TICKS_EVERY = 10.0  # revives runs whose worker died, among other things
LAUNCHER_GRACE = 20.0  # for its processes to end when it is stopped
PING_EVERY = 10.0  # to a cluster without a sign of life
PING_TIMEOUT = 20.0
SHORTEST_RESTART_WAIT = 1.0  # before a process that ended is started again, twice as long each time
LONGEST_RESTART_WAIT = 30.0
SETTLED_AFTER = 60.0  # after such a lifetime the next restart waits for the shortest time again

# A run's lanes -----------------------------------------------------------------------------------------

LEASE = dt.timedelta(seconds=45)  # without a heartbeat for so long, a lane is free
LEASE_HEARTBEAT_EVERY = 5.0
REQUESTS_READ_EVERY = 0.5  # pause, stop, cancel, during a call
SLICE = 45.0  # of work on a lane before another task's turn
LONGEST_CALL = 110 * 60  # a cluster ends a task after two hours, and a call is a part of one

DB_RETRY_FOR = 40.0  # while the console's database is locked or restarts
DB_RETRY_EVERY = 0.5

# A call of a job ---------------------------------------------------------------------------------------

STOP_READ_EVERY = 0.25  # stop requests, during a call
JOB_GRACE = 10.0  # between asking a process group to end and killing it
CHECK_GRACE = 15.0  # beyond the timeout of a pre-flight check that calls something

# A run that pauses and tries again ------------------------------------------------------------------------

WAREHOUSE_RETRY_FOR = 20.0  # before the run pauses
SHORTEST_PAUSE = 30.0  # of a run that tries again by itself, twice as long each time
LONGEST_PAUSE = dt.timedelta(minutes=15)
ORPHANS_CANCELLED_EVERY = dt.timedelta(seconds=30)  # the same job, until it has ended
RECENT_DEATHS = dt.timedelta(hours=1)  # deaths of workers that count against a step
RECENT_READERS = dt.timedelta(
    minutes=10
)  # processes of the console that may have had the warehouse file open

SHORTEST_STALL = dt.timedelta(minutes=10)  # without output, before a call counts as stalled
OUTSIDE_WORK_LATELY = dt.timedelta(hours=24)  # work outside the console that the overview shows
LONGEST_PREFLIGHT = dt.timedelta(minutes=20)  # the cluster ends a task after 15
RUN_WATCHED_EVERY = 1.0  # by `backfill --wait`

# Scans ---------------------------------------------------------------------------------------------------

MINUTES_BETWEEN_SCANS = 15
LONGEST_SCAN = dt.timedelta(minutes=20)  # the cluster ends a task after 15
OUTAGE_CHECK_TURN = 50.0  # for the file, before the next check after an outage
CALENDAR_NEWS = dt.timedelta(hours=24)  # for which a change of the calendar is shown as news

# Warehouses ----------------------------------------------------------------------------------------------

DUCKDB_OPEN_RETRY_FOR = 10.0  # while another process has the file open
DUCKDB_TURN_TIMEOUT = 120.0  # a call of automatic size is over by then
DUCKDB_TURN_READ_EVERY = 0.02
BIGQUERY_RETRY_FOR = 60.0
BIGQUERY_REQUEST_TIMEOUT = 60.0
BIGQUERY_QUERY_TIMEOUT = 600.0  # of the console's own queries
BIGQUERY_CANCEL_TIMEOUT = 240.0  # of a job that the call started; with the longest call still within a task
BIGQUERY_ORPHAN_CANCEL_TIMEOUT = 30.0  # of a job that another worker left
BIGQUERY_POLL_AFTER = (0.1, 0.2, 0.5, 1.0, 2.0)  # between polls of a script; then the last one
QUOTA_RETRY_AFTER = dt.timedelta(minutes=10)  # if the time of its renewal is unknown
QUOTA_MARGIN = dt.timedelta(minutes=2)  # so that a clock that is ahead does not cost another day

# Mails ---------------------------------------------------------------------------------------------------

MAIL_RETRY_AFTER = tuple(dt.timedelta(minutes=minutes) for minutes in (1, 2, 5, 15, 60, 4 * 60, 12 * 60))
BETWEEN_FAILURE_MAILS = dt.timedelta(hours=1)  # about new kinds of failures of one run
BETWEEN_WAIT_MAILS = dt.timedelta(hours=12)  # about a run that tries again by itself and waits again
