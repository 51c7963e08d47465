"""Waits for the console's own database: one that is locked or restarts ends no call and loses no decision."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import InterfaceError, OperationalError, close_old_connections

from apps import timing

log = logging.getLogger(__name__)


AWAY = (OperationalError, InterfaceError)  # what a database says that is locked, restarts, or has no room

T = TypeVar("T")


def retry_on_db_outage(ask: Callable[[], T]) -> T:
    """What `ask` answers, asked again for a while when the database is away: only what may be asked twice."""
    deadline = time.monotonic() + timing.DB_RETRY_FOR
    while True:
        try:
            return ask()
        except AWAY as error:
            close_old_connections()
            if time.monotonic() + timing.DB_RETRY_EVERY > deadline:
                raise
            log.warning("The database does not answer, asking again: %s", error)
        time.sleep(timing.DB_RETRY_EVERY)
