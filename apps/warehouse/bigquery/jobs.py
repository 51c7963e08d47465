"""BigQuery's jobs: begun at most once, waited for, cancelled."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from google.api_core.exceptions import Conflict, Forbidden, GoogleAPICallError
from google.api_core.retry import Retry
from google.cloud import bigquery
from google.cloud.bigquery.job import QueryJob

from apps import timing
from apps.warehouse.base import Interrupted, QueryFailed, StillAtWork, Unreachable, WarehouseError
from apps.warehouse.bigquery.errors import refusal, warehouse_error

TIMEOUT = timing.BIGQUERY_REQUEST_TIMEOUT


class Jobs:
    """The query jobs of a client, in one location."""

    def __init__(self, client: bigquery.Client, location: str, *, retry: Retry):
        self.client = client
        self.location = location
        self.retry = retry

    def begin(self, sql: str, config: bigquery.QueryJobConfig, job_id: str) -> QueryJob:
        """Starts the job of that id, or returns it where it was started before: it runs at most once."""
        try:
            return self.client.query(
                sql, job_config=config, job_id=job_id, job_retry=None, retry=self.retry, timeout=TIMEOUT
            )
        except Conflict:
            with unknown_outcome():
                return self.get(job_id)
        except Forbidden as error:
            raise ended(warehouse_error(error)) from error

    def get(self, job_id: str) -> QueryJob:
        """The job of that id; NotFound if there is none."""
        found = self.client.get_job(job_id, location=self.location, retry=self.retry, timeout=TIMEOUT)
        assert isinstance(found, QueryJob), found
        return found

    def wait_for(self, job: QueryJob, timeout: float, stopped: Callable[[], bool]) -> None:
        """Waits until the job is over, and cancels it when its time is up; raises the error that it ended with."""
        if not self.ends_within(timeout, job, stopped):
            self.cancel(job, within=timing.BIGQUERY_CANCEL_TIMEOUT)
        if job.error_result:
            raise ended(refusal(job.error_result.get("reason", ""), job.error_result.get("message", "")))

    def ends_within(self, seconds: float, job: QueryJob, stopped: Callable[[], bool] = lambda: False) -> bool:
        """Polls the job until it is over; False once the time is up, or `stopped()` is true."""
        deadline, pauses = time.monotonic() + seconds, iter(timing.BIGQUERY_POLL_AFTER)
        while not self.is_over(job):
            if stopped() or time.monotonic() > deadline:
                return False
            time.sleep(next(pauses, timing.BIGQUERY_POLL_AFTER[-1]))
        return True

    def is_over(self, job: QueryJob) -> bool:
        with unknown_outcome():
            return job.done(retry=self.retry, timeout=TIMEOUT)

    def cancel(self, job: QueryJob, *, within: float) -> None:
        """Cancels the job on the server; StillAtWork where it does not end in time. A job that was over stays so."""
        with unknown_outcome():
            job.cancel(retry=self.retry, timeout=TIMEOUT)
        if not self.ends_within(within, job):
            raise StillAtWork("BigQuery was told to end the script, and has not ended it yet")


@contextmanager
def unknown_outcome() -> Iterator[None]:
    """Raises Unreachable where BigQuery does not say how a job is: it may go on, or have ended well."""
    try:
        yield
    except GoogleAPICallError as error:
        found = warehouse_error(error)
        if not isinstance(found, QueryFailed | Interrupted):
            raise
        raise Unreachable(f"BigQuery does not tell what became of the script: {found}") from error


def ended(error: WarehouseError) -> WarehouseError:
    """The same error, marked as one of a job that has ended or was never started."""
    error.is_over = True
    return error
