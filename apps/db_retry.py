"""The retry policy for the console's own database: a lock or a restart ends no call and loses no decision."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from django.db import InterfaceError, OperationalError, close_old_connections
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_before_delay, wait_fixed

from apps import timing

log = logging.getLogger(__name__)

DB_OUTAGE = (OperationalError, InterfaceError)  # the database is locked, restarts, or has no room

T = TypeVar("T")


def retry_on_db_outage(query: Callable[[], T]) -> T:
    """The result of the query, retried for a while during an outage. Only for queries that may be repeated."""
    retrying = Retrying(
        retry=retry_if_exception_type(DB_OUTAGE),
        wait=wait_fixed(timing.DB_RETRY_EVERY),
        stop=stop_before_delay(timing.DB_RETRY_FOR),
        before_sleep=reconnect,
        reraise=True,
    )
    return retrying(query)


def reconnect(state: RetryCallState) -> None:
    close_old_connections()
    log.warning("The database does not answer, retrying: %s", state.outcome and state.outcome.exception())
