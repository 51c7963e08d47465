"""A filter for Django's messages in the console's log."""

from __future__ import annotations

import logging

REFUSED = 403


def without_needless_traceback(record: logging.LogRecord) -> bool:
    """Log a refused request as one line: its traceback says nothing useful."""
    if getattr(record, "status_code", None) == REFUSED:
        record.exc_info = None
    return True
