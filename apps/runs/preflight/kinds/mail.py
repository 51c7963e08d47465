"""The check whether mails can leave."""

from __future__ import annotations

import os
from collections.abc import Iterator

from django.conf import settings

from apps import mail_server
from apps.pipeline.check_kinds import Mail
from apps.runs.preflight.facts import Facts
from apps.runs.preflight.finding import Finding, failed, passed


def mail(asked: Mail, facts: Facts) -> Iterator[Finding]:
    """Connects to the mail server, and sends nothing."""
    if folder := mail_server.folder():
        yield kept(str(folder))
        return
    server = getattr(settings, "EMAIL_HOST", "") or settings.EMAIL_BACKEND.rpartition(".")[0]
    try:
        mail_server.check_connection()
    except Exception as error:  # whatever a mail backend raises is why no mail would leave
        said = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(".")
        yield failed(f"The mail server {server} does not answer: {said}. Correct EMAIL_URL, or start it.")
        return
    yield passed("The mail server answers.", value=server)


def kept(folder: str) -> Finding:
    """Mails kept as files are meant in a demo; else EMAIL_URL was forgotten."""
    if not os.access(folder, os.W_OK) and os.path.exists(folder):
        return failed(f"Mails are kept as files in {folder}, which cannot be written.")
    if settings.OUTBOX_DIR:
        return passed("Mails are kept as files, to be read under Outbox.", value=folder)
    return failed("No mail leaves: EMAIL_URL is not set, so mails are kept as files.", value=folder)
