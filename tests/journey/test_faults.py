"""What the demo's jobs do wrong is the same on the page, in the mail and in the shell."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.journey.conftest import Console
from tests.journey.test_main_path import expect_mail, launch, plan, wait_for_end

pytestmark = pytest.mark.journey

FAULTS = {
    "failed": ("team_offense_game_summary", "2022-12-12", "wrote no rows"),
    "thin": ("upcoming_team_game_context", "2022-01-19", "2 rows, expected 16"),
    "excess": ("team_defense_game_summary", "2023-12-01", "80 rows with 20 different keys, expected 20"),
}


@pytest.fixture(scope="module")
def operator(visit: Callable[..., Page]) -> Page:
    return visit("operator")


@pytest.mark.parametrize("state", FAULTS)
def test_page_mail_and_shell_report_the_same_fault_of_a_job(operator: Page, console: Console, state: str):
    table, date, says = FAULTS[state]
    plan(operator, console, f"table=nba_analytics.{table}&start={date}&end={date}")
    run = launch(operator, 1)
    wait_for_end(operator, "Failed")

    expect(operator.locator("#failures")).to_contain_text(says.split(",")[0].lstrip("0123456789 "))
    operator.goto(f"{console.url}/coverage/partition/nba_analytics.{table}/{date}/")
    expect(operator.locator("main")).to_contain_text(state)
    told = json.loads(console.shell("coverage", "--json", "--table", table).stdout)["tables"][0]
    assert told[state] == 1
    expect_mail(operator, console, f"FAILED 1/1 - {table}, {date}")
    operator.get_by_role("link", name=f"FAILED 1/1 - {table}, {date}").click()
    expect(operator.frame_locator("iframe").locator("body")).to_contain_text(says)
    assert run


def test_rows_on_a_bootstrap_date_are_unexpected_on_page_and_shell(operator: Page, console: Console):
    operator.goto(f"{console.url}/coverage/partition/nba_precompute.ml_feature_store/2023-10-26/")

    expect(operator.locator("main")).to_contain_text("unexpected")
    told = json.loads(console.shell("coverage", "--json", "--table", "ml_feature_store").stdout)["tables"][0]
    assert told["unexpected"] == 1
