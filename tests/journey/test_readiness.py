"""Before and after a run: is it ready, which sources does it stand on, is what it did true."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.journey.conftest import Console
from tests.journey.test_main_path import A_RUN, launch, plan, wait_for_end

pytestmark = pytest.mark.journey

TEST_WINDOW = "start=2024-01-15&end=2024-01-28"


@pytest.fixture(scope="module")
def operator(visit: Callable[..., Page]) -> Page:
    return visit("operator")


def card(page: Page, heading: str | re.Pattern) -> Locator:
    return page.locator(".card", has=page.get_by_role("heading", name=heading))


def verify(page: Page, console: Console, query: str) -> None:
    page.goto(f"{console.url}/verify/?{query}")
    page.get_by_role("button", name="Verify", exact=True).click()
    expect(page.locator(".verdict")).to_be_visible(timeout=A_RUN)


def preflight(page: Page, console: Console, phase: str) -> None:
    page.goto(f"{console.url}/preflight/")
    page.get_by_label("Phase").select_option(phase)
    page.get_by_label("First date").fill("2024-01-15")
    page.get_by_label("Last date").fill("2024-01-28")
    page.get_by_role("button", name="Run pre-flight").click()
    page.wait_for_url(re.compile(r"/preflight/\d+/$"))
    expect(page.locator("#preflight .alert")).to_contain_text("eady", timeout=A_RUN)


def test_the_test_window_does_not_pass_before_it_was_filled(operator: Page, console: Console):
    verify(operator, console, f"phase=3&{TEST_WINDOW}")

    expect(operator.locator(".verdict")).to_contain_text("not passed")
    expect(operator.locator(".verdict")).to_contain_text("missing")


def test_failed_preflight_check_of_phase_4_links_to_a_plan_of_its_gaps(operator: Page, console: Console):
    preflight(operator, console, "4")

    expect(operator.locator("#preflight .alert")).to_contain_text("Not ready")
    inputs = card(operator, "Failure").locator(".told", has_text="Inputs and their lookback")
    expect(inputs).to_contain_text(
        "team_defense_zone_analysis reads team_defense_game_summary, not complete on"
    )
    inputs.get_by_role("link", name="Plan these gaps").first.click()
    expect(operator.get_by_role("button", name=re.compile(r"Launch \d+ steps"))).to_be_enabled()


def test_need_falls_back_without_its_first_source_and_shows_uncovered_dates(operator: Page, console: Console):
    operator.goto(f"{console.url}/sources/")
    operator.locator("#what-if").get_by_label("nbac_gamebook_player_stats").check()
    operator.get_by_role("button", name="Show without these").click()

    effects = operator.locator("#effects")
    expect(effects).to_contain_text("675 of 675 (100 %) before, 633 of 675 (93.77 %) without")
    expect(effects.get_by_role("row", name="player_game_summary")).to_contain_text(
        "42 dates, 30 of them not filled yet: no source has the date"
    )


def test_the_test_window_passes_after_its_run(operator: Page, console: Console):
    plan(operator, console, f"phase=3&{TEST_WINDOW}")
    launch(operator, 70)
    wait_for_end(operator, "Succeeded")

    verify(operator, console, f"phase=3&{TEST_WINDOW}")

    expect(operator.locator(".verdict")).not_to_contain_text("not passed")
    expect(operator.locator(".verdict")).to_contain_text("passed")


def test_an_accepted_gap_leaves_the_denominator_and_comes_back_when_it_is_withdrawn(
    operator: Page, console: Console
):
    asked = "table=nba_analytics.player_game_summary&start=2022-02-18&end=2022-02-20"
    operator.goto(f"{console.url}/coverage/accepted/new/?{asked}")
    operator.get_by_label("Reason").fill("the league lost its file of All-Star week")
    operator.get_by_role("button", name="Accept 2 gaps").click()
    operator.wait_for_url(re.compile(r"/coverage/accepted/(\?.*)?$"))

    operator.goto(f"{console.url}/")  # a season's own page shows these numbers only until its map is drawn
    expect(operator.locator("main")).to_contain_text("/ 213 · 2 accepted")

    operator.goto(f"{console.url}/coverage/accepted/")
    expect(operator.locator("main")).to_contain_text("the league lost its file of All-Star week")
    operator.get_by_text("Withdraw", exact=True).click()
    operator.get_by_role("button", name="Withdraw it").click()
    expect(operator.locator("main")).to_contain_text("0 standing")

    operator.goto(f"{console.url}/")
    expect(operator.locator("main")).to_contain_text("/ 215")
    expect(operator.locator("main")).not_to_contain_text("/ 213")
