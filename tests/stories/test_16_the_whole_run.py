"""16. A job replaced the whole table on each call; the run "succeeded", one date was left. A run is verified at its
end, as a whole; what was complete is looked at again."""

import json

import pytest

from apps.alerts import tasks
from apps.cli.management.commands import backfill
from apps.runs.models import Run

SALES = ("--table", "sales", "--start", "2024-01-01", "--here", "--yes")

pytestmark = pytest.mark.usefixtures("workers")


@pytest.fixture
def told(console, inbox):
    """What every exit says of the last run: its page, its summary, its mail; and the shell while it performed it."""

    def say(shell: str) -> dict[str, str]:
        tasks.deliver()
        run = Run.objects.latest("id")
        ended = [mail for mail in inbox.mails if not mail["Subject"].startswith("LOST ROWS")]
        mails = [mail.get_body(("plain",)).get_content() for mail in ended]
        return {
            "page": console.page(f"/runs/{run.pk}/"),
            "summary": console.page(f"/runs/{run.pk}/summary/"),
            "mail": mails[-1] if mails else "",
            "shell": shell,
        }

    return say


def test_job_that_replaces_its_table_pauses_the_run(console, fault):
    for number in range(1, 10):
        fault("daily.sales", f"01-0{number}", "also DELETE FROM daily.sales")
    console.shell("scan")

    code, said = console.shell("backfill", *SALES, "--end", "2024-01-12", "--json")

    assert (code, json.loads(said)["status"]) == (3, "paused")
    assert "destroyed what was complete" in json.loads(said)["message"]
    assert console.row("sales", "coverage").startswith("sales 1 29")


def test_every_output_reports_dates_verified_despite_exit_status_1(console, fault, told):
    fault("daily.sales", "01-02", "exit 1")
    console.shell("scan")

    code, said = console.shell("backfill", *SALES, "--end", "2024-01-02")

    assert code == 0
    for exit, words in told(said).items():
        assert "2 verified although the job ended with exit status 1" in words, exit


def test_every_output_reports_verified_dates_that_are_missing_now(console, ask, told):
    console.shell("scan")
    console.shell("backfill", *SALES, "--end", "2024-01-04")
    ask("DELETE FROM daily.sales WHERE day <= '2024-01-02'")
    console.shell("scan")

    exits = told("")

    lost = "4 verified then, 2 complete now: sales missing on 2024-01-01 to 2024-01-02"
    assert [lost in exits[name] for name in ("page", "summary", "mail")] == [True, True, True]
    run = Run.objects.latest("id")
    assert backfill.result(run)["complete_now"] == {
        "text": lost,
        "verified": 4,
        "complete": 2,
        "differs": [
            {"table": "daily.sales", "state": "missing", "dates": ["2024-01-01", "2024-01-02"]},
        ],
    }


def test_no_output_mentions_the_current_state_if_all_verified_dates_are_complete(console, told):
    console.shell("scan")
    _, said = console.shell("backfill", *SALES, "--end", "2024-01-04")

    assert not any("complete now" in words for words in told(said).values())
