"""What somebody reads whose settings or database keep the console from starting."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from backfill_console import environment

ROOT = Path(__file__).parents[1]
# Empty is as good as not set, and outranks the .env of whoever runs the tests.
NOTHING = dict.fromkeys(("DATABASE_URL", "EMAIL_URL", "LOG_LEVEL", "OUTBOX_DIR", "PIPELINE", "PORT"), "")
SECRETS = "geheim"


@pytest.fixture
def start(tmp_path):
    """Starts a program of the console with just these settings."""

    def run(*words: str, **settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *words],
            cwd=ROOT,
            env={**NOTHING, "DEBUG": "0", "PATH": os.environ["PATH"], "VAR_DIR": str(tmp_path), **settings},
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


@pytest.fixture
def manage(start):
    return lambda *words, **settings: start("manage.py", *words, **settings)


def is_one_sentence(done: subprocess.CompletedProcess[str], *says: str) -> bool:
    (line,) = done.stderr.splitlines()
    return done.returncode == 1 and all(text in line for text in says)


@pytest.mark.parametrize("command", ["serve", "check", "coverage", "migrate"])
def test_a_command_without_a_secret_key_shows_how_to_make_one(manage, command):
    assert is_one_sentence(manage(command, SECRET_KEY=""), "SECRET_KEY", "token_urlsafe", "DEBUG=1")


@pytest.mark.parametrize("command", ["serve", "coverage", "scan", "ensure_people"])
def test_a_command_on_a_database_without_tables_names_migrate(manage, command):
    assert is_one_sentence(manage(command, SECRET_KEY="x"), "run `manage.py migrate`")


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("DATABASE_URL", "nonsense", "write postgres://user:password@host:5432/name"),
        ("DATABASE_URL", f"postgres://user:{SECRETS}@host:port/name", "sqlite:////path/to/file"),
        ("DATABASE_URL", "sqlite://:memory:", "remove it to use SQLite in VAR_DIR"),
        ("DATABASE_URL", "sqlite:////nowhere/at/all", "correct DATABASE_URL"),
        ("EMAIL_URL", f"smtp+tsl://user:{SECRETS}@host", "write smtp+tls://user:password@host:587"),
        ("EMAIL_URL", "smtp://host:port", "remove it to keep mails as files"),
        ("PORT", "eight", "a number from 1 to 65535"),
        ("PORT", "0", "a number from 1 to 65535"),
        ("LOG_LEVEL", "LOUD", "DEBUG, INFO, WARNING"),
        ("VAR_DIR", "/dev/null/x", "a folder that can be written"),
    ],
)
def test_a_malformed_setting_is_reported_without_its_secret(manage, name, value, remedy):
    done = manage("coverage", SECRET_KEY="x", **{name: value})

    assert is_one_sentence(done, remedy)
    assert SECRETS not in done.stderr


def test_settings_that_are_left_empty_have_their_defaults(manage):
    assert manage("check", SECRET_KEY="x", **NOTHING).returncode == 0


@pytest.mark.parametrize(("key", "says"), [("", "SECRET_KEY is not set"), ("x", "run `manage.py migrate`")])
def test_gunicorn_exits_with_the_same_message_as_a_command(start, key, says):
    done = start("-m", "gunicorn", "--bind", "127.0.0.1:0", "backfill_console.wsgi", SECRET_KEY=key)

    assert done.returncode == 3
    assert says in done.stderr and "Traceback" not in done.stderr


def test_the_web_server_starts_where_all_is_well(start, manage):
    assert manage("migrate", "-v0", SECRET_KEY="x").returncode == 0

    assert start("-c", "import backfill_console.wsgi", SECRET_KEY="x").returncode == 0


def test_the_example_explains_each_setting_and_no_other():
    lines = (ROOT / ".env.example").read_text().splitlines()

    explained = [match[1] for line in lines if (match := re.match(r"#?([A-Z_]+)=", line))]
    assert sorted(explained) == sorted(environment.VARIABLES)


def test_each_setting_that_is_read_is_kept_from_jobs(settings):
    code = "".join(
        (ROOT / "backfill_console" / name).read_text() for name in ("settings.py", "environment.py")
    )

    read = set(re.findall(r"""\benv(?:\.\w+)?\(\s*"([A-Z_]+)""", code))
    assert read == set(environment.VARIABLES)
    assert read <= set(settings.CONSOLE_VARIABLES)
