"""A secret that a job blurts out is nowhere to be read: not on a page, in a download, in the shell, nor in a mail."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.urls import reverse

from apps import masking
from apps.alerts import tasks
from apps.alerts.models import Message
from apps.coverage.models import HistoryTry
from apps.pipeline import definition
from apps.runs.models import Event, Run
from tests.conftest import day
from tests.coverage.verifying import history, rescan, scan_again  # noqa: F401  # fixtures
from tests.runs.preflight.conftest import checked, configure  # noqa: F401  # fixtures

PLANTED = "kTz9/planted+7"  # the value of a variable of the job
GUESSED = "hunter2-planted"  # only looks like a secret
# Values that could be ordinary words or numbers; only their variables' names tell that they are secrets.
PLAIN = {
    "PIN_TOKEN": "84736251", "LAND_PASS": "swordfish", "SERVICE_AUTH": "opensesame", "SIGNKEY": "blue_whale",
}  # fmt: skip
JOB = """
import os, sys
print("connecting with", os.environ["TILL_TOKEN"], flush=True)
for day in ("2024-01-01", "2024-01-02"):
    print(f"ERROR {day}: the till refused {os.environ['TILL_TOKEN']}, password=hunter2-planted,",
          *(os.environ[name] for name in ("PIN_TOKEN", "LAND_PASS", "SERVICE_AUTH", "SIGNKEY")), flush=True)
"""
PAGES = ("detail", "live", "summary", "steps", "steps_csv", "failures_csv", "attempts")
OF_AN_ATTEMPT = ("attempt", "tail", "log")
OTHERS = (
    "overview",
    "runs:index",
    "failures:index",
    "failures:csv",
    "coverage:index",
    "coverage:scans",
    "outbox:index",
)
SHELL = (
    ("coverage",), ("coverage", "--json"), ("plan",), ("plan", "--json"), ("scan",), ("scan", "--phase", "2"),
    ("scan", "--json"), ("verify", "2024-01-01", "2024-01-02"), ("verify", "2024-01-01", "2024-01-02", "--json"),
)  # fmt: skip


@pytest.fixture
def shop(shop: Path):
    """The job of sales is given a token, says it, and fails."""
    (shop.parent / "jobs" / "blurt.py").write_text(JOB)
    file = shop.parent / "shop.toml"
    text = file.read_text().replace('"fill.py", "daily.sales"', '"blurt.py"', 1)
    variables = ", ".join(f'{name} = "{value}"' for name, value in {"TILL_TOKEN": PLANTED, **PLAIN}.items())
    file.write_text(text.replace('shop.duckdb}" }', f'shop.duckdb}}", {variables} }}', 1))
    definition.load.cache_clear()
    return shop


@pytest.fixture
def run(shop, launch, drive, settings) -> Run:
    settings.ALERTS_TO = ["team@shop.example"]
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    return drive(launch(tables=["daily.sales"], start=day("01-01"), end=day("01-02")))


def is_clean(text: str) -> bool:
    return not any(secret in text for secret in (PLANTED, GUESSED, *PLAIN.values()))


def body(response) -> str:
    content = b"".join(response.streaming_content) if response.streaming else response.content
    return content.decode()


def test_the_log_on_the_disk_has_the_secrets_that_the_job_printed(run):
    assert not is_clean(run.attempts.get().log_path.read_text())


@pytest.mark.parametrize("page", PAGES)
def test_a_page_of_the_run_is_clean(viewing, run, page):
    assert is_clean(body(viewing.get(reverse(f"runs:{page}", args=[run.pk]))))


@pytest.mark.parametrize("page", OF_AN_ATTEMPT)
def test_the_log_is_clean_shown_live_and_downloaded(viewing, run, page):
    shown = body(viewing.get(reverse(f"runs:{page}", args=[run.pk, 1])))
    assert "the till refused" in shown and masking.HIDDEN in shown
    assert is_clean(shown)


@pytest.mark.parametrize("page", OTHERS)
def test_every_other_page_is_clean(viewing, run, page):
    tasks.deliver()

    assert is_clean(body(viewing.get(reverse(page))))


def test_steps_and_signatures_are_made_of_the_masked_text(run):
    step = run.steps.first()

    assert step.message == "2024-01-01: the till refused •••, password=•••, ••• ••• ••• •••"
    assert step.signature == "the till refused •••, password=•••, ••• ••• ••• •••"


def test_the_timeline_is_clean(run):
    texts = list(Event.objects.values_list("text", flat=True))

    run.record("told", f"somebody said {PLANTED}", data={"said": [f"password={GUESSED}"]})
    event = Event.objects.latest("id")
    assert (event.text, event.data) == ("somebody said •••", {"said": ["password=•••"]})
    assert all(map(is_clean, texts))


def test_mails_and_their_attachments_are_clean(run):
    tasks.deliver()

    message = Message.objects.filter(run_id=run.pk).latest("id")
    sent = mail.outbox[-1]
    assert "the till refused" in message.text and "the till refused" in message.csv
    assert is_clean(f"{message.subject}{message.text}{message.html}{message.csv}")
    assert is_clean(f"{sent.subject}{sent.body}{sent.alternatives}{sent.attachments}")


@pytest.fixture
def broken(ask) -> None:
    """A source that cannot be read, for a reason that quotes a token."""
    ask("DROP TABLE raw.orders")
    ask(f"CREATE MACRO till() AS error('GET https://till/orders?token={GUESSED} gave 403')")
    ask("CREATE VIEW raw.orders AS SELECT DATE '2024-01-01' AS day, till() AS i")


@pytest.mark.parametrize("words", SHELL, ids=" ".join)
def test_the_output_of_commands_is_clean(run, broken, words, capsys):
    try:
        call_command(*words)
    except (CommandError, SystemExit) as end:
        print(end)

    said = capsys.readouterr()
    assert said.out
    assert is_clean(said.out + said.err)


def test_errors_of_the_run_history_are_masked(history, rescan):  # noqa: F811
    history("sales", "01-02", "failed", errors=f"refused: token={GUESSED}")

    rescan()

    assert HistoryTry.objects.get().errors == "refused: token=•••"


CHECK = """
[[check]]
name = "Till"
kind = "command"
command = ["PYTHON", "-c", "print('token=hunter2-planted')"]
pattern = "open"
"""


def test_a_finding_quotes_no_secret(configure, checked):  # noqa: F811
    configure(CHECK)

    found = checked(tables=["daily.sales"])

    assert "•••" in str(found.as_json())
    assert is_clean(str(found.as_json()))


def test_a_finding_quotes_no_secret_of_its_command(configure, checked):  # noqa: F811
    said = CHECK.replace(
        "print('token=hunter2-planted')\"", "print('no', __import__('sys').argv[2])\", \"--token\""
    )
    configure(said.replace('"--token"]', '"--token", "swordfish"]'))

    assert is_clean(str(checked(tables=["daily.sales"]).as_json()))


def test_a_finding_quotes_no_variable_of_its_check(configure, checked):  # noqa: F811
    said = CHECK.replace("'token=hunter2-planted'", "'refused', __import__('os').environ['QPASS']")
    configure(f'{said}env = {{ QPASS = "swordfish" }}\n')

    assert is_clean(str(checked(tables=["daily.sales"]).as_json()))


def test_the_log_has_no_secret_of_the_consoles_own_environment(viewing, shop, launch, drive, monkeypatch):
    monkeypatch.setenv("SHORT_PASS", "shortpw")
    (shop.parent / "jobs" / "blurt.py").write_text("import os\nprint('it is', os.environ['SHORT_PASS'])")
    run = drive(launch(tables=["daily.sales"], start=day("01-01"), end=day("01-01")))

    assert "it is •••" in body(viewing.get(reverse("runs:log", args=[run.pk, 1])))


def test_a_web_process_masks_the_secrets_of_jobs_from_its_start(shop):
    file = shop.parent / "shop.toml"
    file.write_text(file.read_text().replace("env = { SHOP", 'env = { API_TOKEN = "tok-4f9a8b7c6d", SHOP', 1))
    program = (
        "import django; django.setup(); from apps import masking; print(masking.text('token tok-4f9a8b7c6d'))"
    )
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings", "TEST_PIPELINE": str(file)}

    said = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)

    assert (said.stdout.strip(), said.stderr) == ("token •••", "")
