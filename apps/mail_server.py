"""The mail server of EMAIL_URL, or the folder that replaces it."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.core.mail import get_connection


def check_connection() -> None:
    """Connects and disconnects; raises the error of the mail backend."""
    connection = get_connection()
    connection.open()
    connection.close()


def folder() -> Path | None:
    """The folder of mails that are kept as files; None if mails are sent."""
    kept = settings.EMAIL_BACKEND == "django.core.mail.backends.filebased.EmailBackend"
    return Path(settings.EMAIL_FILE_PATH) if kept else None
