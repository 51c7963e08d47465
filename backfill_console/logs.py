"""What the console's log leaves out of what Django writes into it."""

from __future__ import annotations

import logging

REFUSED = 403


def without_needless_traceback(record: logging.LogRecord) -> bool:
    """That somebody may not do something is a line; where in the code it was refused helps nobody."""
    if getattr(record, "status_code", None) == REFUSED:
        record.exc_info = None
    return True
