"""Waits for the console's own database: one that is locked or restarts ends no call and loses no decision."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import InterfaceError, OperationalError, close_old_connections

log = logging.getLogger(__name__)

PATIENCE = 40.0  # seconds; a lease that nobody can renew meanwhile is good for 45
PAUSE = 0.5

AWAY = (OperationalError, InterfaceError)  # what a database says that is locked, restarts, or has no room

T = TypeVar("T")


def retry_on_db_outage(ask: Callable[[], T]) -> T:
    """What `ask` answers, asked again for a while when the database is away: only what may be asked twice."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return ask()
        except AWAY as error:
            close_old_connections()
            if time.monotonic() + PAUSE > deadline:
                raise
            log.warning("The database does not answer, asking again: %s", error)
        time.sleep(PAUSE)
