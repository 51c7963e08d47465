"""Settings of the tests: the console's own, cut off from the `.env` and the files of whoever runs them."""

import os
import tempfile
from pathlib import Path

os.environ.update(
    DEBUG="1",
    SECRET_KEY="tests",
    DEMO="0",
    VAR_DIR=os.environ.get("TEST_VAR_DIR") or tempfile.mkdtemp(prefix="console-tests-"),
    OUTBOX_DIR="",
    EMAIL_URL="",
    BASE_URL="https://console.example",
    PIPELINE=os.environ.get("TEST_PIPELINE", "tests/pipelines/shop.toml"),
)
os.environ.setdefault("DATABASE_URL", f"sqlite:///{os.environ['VAR_DIR']}/console.sqlite3")

from backfill_console.settings import *  # noqa: F403
from tests import stage

DEBUG = False
STATIC_ROOT.mkdir(exist_ok=True)  # noqa: F405  # empty: whitenoise warns of every client where it is missing
# A temporary folder is removed when the tests end (tests/conftest.py).
OWN_VAR_DIR = "" if os.environ.get("TEST_VAR_DIR") else os.environ["VAR_DIR"]
# A file, because the runner's threads and the workers' processes open it too.
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):  # noqa: F405
    DATABASES["default"]["TEST"] = {"NAME": f"{os.environ['VAR_DIR']}/tests.sqlite3"}  # noqa: F405
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
if clock := os.environ.get(stage.CLOCK):
    stage.set_clock(Path(clock))  # before a model remembers the real one
if stage.wanted():
    INSTALLED_APPS += ["tests.stage.StageConfig"]  # noqa: F405
