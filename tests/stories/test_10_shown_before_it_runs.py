"""10. `--dry-run --parallel` wrote for real; documented flags did not exist. The exact command, folder and environment
are shown before anything runs, and a dry run is not believed."""

import pytest

from apps.runs.models import Preflight
from tests.runs.preflight.test_dry_run import CHECK, ignores  # noqa: F401 (a fixture)

WEEK = ("--table", "sales", "--start", "2024-01-01", "--end", "2024-01-04")
ON_PAGE = "/runs/new/?table=daily.sales&start=2024-01-01&end=2024-01-04"

pytestmark = pytest.mark.usefixtures("workers")


def test_command_folder_and_environment_are_the_same_on_page_command_and_json(console, shop, first_scan):
    (call,) = console.json("plan", *WEEK)["calls"]

    assert call["command"].endswith("fill.py daily.sales --start 2024-01-01 --end 2024-01-04 --safe")
    assert call["folder"] == str(shop.parent / "jobs")
    assert call["environment"]["SHOP_WAREHOUSE"] == str(shop)
    printed, page = console.shell("plan", *WEEK)[1], console.page(ON_PAGE)
    for said in (call["command"], call["folder"], *call["environment"], *call["environment"].values()):
        assert said in printed and said in page


def test_attempt_runs_the_command_and_environment_shown_in_the_plan(console, launch, drive, first_scan):
    (call,) = console.json("plan", *WEEK)["calls"]

    run = drive(launch(tables=["daily.sales"], start=None, end=None), attempts=1)

    attempt = run.attempts.get()
    assert " ".join(attempt.argv) == call["command"]
    assert call["environment"].items() <= attempt.environment.items()


def test_a_plan_runs_nothing(console, ask, first_scan):
    console.shell("plan", *WEEK)
    console.page(ON_PAGE)

    assert ask("SELECT count(*) FROM daily.sales") == [(0,)]


def test_a_dry_run_that_writes_is_caught_with_table_date_and_rows(console, configure, ignores):  # noqa: F811
    configure(CHECK)

    code, printed = console.shell("preflight", "--table", "sales")
    report = Preflight.objects.get()
    told = console.fetch(f"/preflight/{report.pk}.json")

    caught = "The dry run of sales wrote: daily.sales on 2024-01-01 (0 rows before, 8 after)."
    assert (code, told["verdict"]) == (1, "not ready")
    assert caught in printed and caught in console.page(f"/preflight/{report.pk}/")
    assert caught in [found["text"] for check in told["checks"] for found in check["findings"]]


def test_preflight_reports_arguments_that_the_job_does_not_support(console, configure):
    configure(CHECK)

    code, printed = console.shell("preflight", "--table", "sales")
    report = Preflight.objects.get()
    (dry_run,) = [
        each for each in console.fetch(f"/preflight/{report.pk}.json")["checks"] if each["kind"] == "dry_run"
    ]

    assert (code, dry_run["findings"][0]["text"]) == (1, "The dry run of sales ended with 2.")
    assert "unrecognized arguments: --dry-run" in dry_run["findings"][0]["detail"]
    assert "The dry run of sales ended with 2." in printed
    assert "unrecognized arguments: --dry-run" in console.page(f"/preflight/{report.pk}/")
