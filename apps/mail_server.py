"""The mail server that EMAIL_URL names, or the folder that stands in for it."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.core.mail import get_connection


def check_connection() -> None:
    """Connects and leaves again; raises what the mail backend raises."""
    connection = get_connection()
    connection.open()
    connection.close()


def folder() -> Path | None:
    """Where mails are kept as files; None where they leave."""
    kept = settings.EMAIL_BACKEND == "django.core.mail.backends.filebased.EmailBackend"
    return Path(settings.EMAIL_FILE_PATH) if kept else None
