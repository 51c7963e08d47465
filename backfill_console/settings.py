"""Settings: safe defaults; a deployment sets the rest in the environment (or `.env` beside manage.py)."""

import socket
import tomllib
from pathlib import Path

import environ
from csp.constants import NONE, SELF

from apps import timing
from backfill_console import environment, logs

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env")
# Jobs get the environment without these (apps.runs.calls.jobs).
CONSOLE_VARIABLES = (*environment.VARIABLES, *environment.SET_BY_CONSOLE)

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = environment.secret_key(env, debug=DEBUG)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

VAR_DIR = environment.folder(BASE_DIR / (env("VAR_DIR", default="") or "var"), name="VAR_DIR")
LOG_DIR = VAR_DIR / "logs"
PIPELINE = BASE_DIR / (env("PIPELINE", default="") or "demo/pipeline.toml")
PORT = environment.port(env)
BASE_URL = (env("BASE_URL", default="") or f"http://localhost:{PORT}").rstrip("/")
DEMO = env.bool("DEMO", default=False)
VERSION = tomllib.loads((BASE_DIR / "pyproject.toml").read_text())["project"]["version"]
# The name of this machine's launcher and workers among all that share the database.
WORKER_NAME = env("WORKER_NAME", default="").strip() or socket.gethostname()

INSTALLED_APPS = [
    "apps.pipeline",
    "apps.workers",
    "apps.coverage",
    "apps.runs",
    "apps.alerts",
    "apps.people",
    "apps.cli",
    "django.contrib.admin.apps.SimpleAdminConfig",  # apps.people.admin defines its pages
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "csp",
    "django_htmx",
    "django_q",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "backfill_console.urls"
WSGI_APPLICATION = "backfill_console.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "backfill_console.context.console",
                "apps.alerts.context.undelivered",
            ],
            "builtins": ["backfill_console.tags"],
        },
    }
]

# --- Database -----------------------------------------------------------------------------------
# Writers lock when the transaction begins: with SQLite's default two of them deadlock in the middle, and one
# fails with "database is locked".
SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
}
DATABASES = {"default": environment.database(env, default=f"sqlite:///{VAR_DIR / 'console.sqlite3'}")}
DATABASES["default"]["CONN_MAX_AGE"] = 60
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True  # the database may have restarted between two pages
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = SQLITE_OPTIONS
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Queue: two clusters, so that a scan or a mail never waits behind a long job -------------------
# `retry` counts from the moment the pusher takes a task, hence retry > timeout * (queue_limit + 2).
Q_CLUSTER = {
    "name": "main",
    "orm": "default",
    "broker_class": "apps.workers.django_q_changes.Broker",
    "workers": 2,
    "poll": 0.2,
    "timeout": 900,
    "retry": 3700,
    "queue_limit": 2,
    "max_attempts": 1,
    "ack_failures": True,
    "catch_up": False,
    "save_limit": 200,
    "label": "Queue",
    "ALT_CLUSTERS": {
        "runs": {"workers": 1, "queue_limit": 1, "timeout": 7200, "retry": 25200, "save_limit": 200},
    },
}

# Tasks that the workers perform by themselves, each with the minutes from one start to the next.
SCHEDULES = {
    "scan the warehouse": ("apps.coverage.tasks.scan_by_schedule", timing.MINUTES_BETWEEN_SCANS),
    "look for the warehouse after an outage": ("apps.coverage.tasks.look_again", 1),
    "cancel orphaned jobs": ("apps.runs.tasks.cancel_orphaned_jobs", 1),
    "deliver messages": ("apps.alerts.tasks.deliver", 1),
    "clear up after the workers": ("apps.workers.tasks.prune", 24 * 60),
}

# --- People -------------------------------------------------------------------------------------
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "overview"
LOGOUT_REDIRECT_URL = "login"

# --- Browser ------------------------------------------------------------------------------------
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "font-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
HTTPS = env.bool("HTTPS", default=False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_PROXY", default=False) else None
)
X_FRAME_OPTIONS = "DENY"

STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "apps.coverage.plotly.PlotlyFinder",
]
WHITENOISE_KEEP_ONLY_HASHED_FILES = True  # pages use hashed files only; compressing each twice takes seconds
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "backfill_console.static_files.HashedFiles"
    },
}

# --- Mail ---------------------------------------------------------------------------------------
# Without EMAIL_URL mails are kept as files; with OUTBOX_DIR the console shows them at /outbox/.
OUTBOX_DIR = BASE_DIR / env("OUTBOX_DIR") if env("OUTBOX_DIR", default="") else None
if mail_server := environment.mail_server(env):
    vars().update(mail_server)
else:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = OUTBOX_DIR or VAR_DIR / "outbox"
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = env("DEFAULT_FROM_EMAIL", default="Backfill Console <console@localhost>")
# The recipients of every mail about a run, beside the person who launched it.
ALERTS_TO = env.list("ALERTS_TO", default=[])

# --- The rest -----------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"
USE_THOUSAND_SEPARATOR = False

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "filters": {"short": {"()": lambda: logs.without_needless_traceback}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["short"]}},
    "loggers": {"django-q": {"level": "WARNING"}},  # INFO logs every task
    "root": {"handlers": ["console"], "level": environment.log_level(env)},
}
