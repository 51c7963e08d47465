"""Settings from the environment; a missing or malformed one is refused in a sentence with its remedy."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from environ import Env

# Every setting that is read from the environment; .env.example explains them. Jobs do not get them.
VARIABLES = (
    *("SECRET_KEY", "DEBUG", "DEMO", "ALLOWED_HOSTS", "BASE_URL", "PORT"),
    *("HTTPS", "BEHIND_PROXY", "CSRF_TRUSTED_ORIGINS"),
    *("PIPELINE", "VAR_DIR", "DATABASE_URL", "WORKER_NAME"),
    *("EMAIL_URL", "DEFAULT_FROM_EMAIL", "OUTBOX_DIR", "ALERTS_TO", "LOG_LEVEL"),
)
# Variables that manage.py, the clusters and the web server set themselves.
SET_BY_CONSOLE = ("DJANGO_SETTINGS_MODULE", "Q_CLUSTER_NAME", "GUNICORN_CMD_ARGS")

DATABASES = ("sqlite", "postgres", "postgresql")
MAIL_SERVERS = ("smtp", "smtps", "smtp+tls", "smtp+ssl")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def secret_key(env: Env, *, debug: bool) -> str:
    # Only a developer's machine may run with a public key.
    key: str = env("SECRET_KEY", default="").strip() or ("only-for-development" if debug else "")
    if not key:
        raise ImproperlyConfigured(
            "SECRET_KEY is not set: put SECRET_KEY=<50 random letters> into .env or the environment "
            "(python3 -c 'import secrets; print(secrets.token_urlsafe(50))' makes one), "
            "or set DEBUG=1 on a machine of your own."
        )
    return key


def port(env: Env) -> int:
    text: str = env("PORT", default="").strip() or "8000"
    if not (text.isascii() and text.isdecimal() and len(text) < 6 and 0 < int(text) < 2**16):
        raise ImproperlyConfigured(
            f'PORT = "{text}" is not a port; set a number from 1 to 65535, such as 8000.'
        )
    return int(text)


def database(env: Env, *, default: str) -> dict[str, Any]:
    url: str = env("DATABASE_URL", default="").strip() or default
    found = parsed(env.db_url_config, url, DATABASES)
    if not found or found["NAME"] in ("", ":memory:"):
        # Without the value, which may contain a password.
        raise ImproperlyConfigured(
            "DATABASE_URL is not the address of a database; write postgres://user:password@host:5432/name "
            "(with letters like # or / in the password as %23, %2F) or sqlite:////path/to/file, "
            "or remove it to use SQLite in VAR_DIR."
        )
    return found


def mail_server(env: Env) -> dict[str, Any]:
    """Django's mail settings; empty without a server."""
    url: str = env("EMAIL_URL", default="").strip()
    found = parsed(env.email_url_config, url, MAIL_SERVERS) if url else {}
    if url and not found.get("EMAIL_HOST"):
        raise ImproperlyConfigured(
            "EMAIL_URL is not the address of a mail server; write smtp+tls://user:password@host:587 "
            "(or smtp+ssl://, smtp://), or remove it to keep mails as files."
        )
    return found


def parsed(parse: Any, url: str, schemes: tuple[str, ...]) -> dict[str, Any]:
    """The URL as the library parses it; empty if its scheme is another or it is malformed."""
    if url.partition(":")[0] not in schemes:
        return {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return dict(parse(url))
    except (ValueError, KeyError, ImproperlyConfigured):
        return {}


def log_level(env: Env) -> str:
    level: str = env("LOG_LEVEL", default="").strip().upper() or "INFO"
    if level not in LEVELS:
        raise ImproperlyConfigured(f'LOG_LEVEL = "{level}" is not known; set one of {", ".join(LEVELS)}.')
    return level


def folder(path: Path, *, name: str) -> Path:
    """The folder, created if it is missing."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(
            f"{name} = {path} cannot be made ({error.strerror}); set {name} to a folder that can be written."
        ) from None
    return path
