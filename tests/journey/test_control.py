"""What an operator does to a run while it is under way, and what two of them cannot do at once."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.journey.conftest import Console
from tests.journey.test_main_path import A_RUN, kpi, plan, wait_for_end

pytestmark = pytest.mark.journey

CONTEXT = "nba_analytics.upcoming_team_game_context"
A_SEASON = f"table={CONTEXT}&season=2022-23"


@pytest.fixture(scope="module")
def operator(visit: Callable[..., Page]) -> Page:
    return visit("operator")


def launch_all(page: Page) -> None:
    page.get_by_role("button", name=re.compile(r"Launch \d+ step")).click()
    page.wait_for_url(re.compile(r"/runs/\d+/$"))


def confirm(page: Page, deed: str) -> None:
    page.get_by_role("dialog").get_by_role("button", name=deed).click()


def timeline(page: Page):
    return page.locator(".card", has=page.get_by_role("heading", name="Timeline"))


def test_a_canary_is_filled_first_and_the_others_follow_when_it_is_released(operator: Page, console: Console):
    plan(operator, console, f"table={CONTEXT}&season=2024-25")
    operator.get_by_text("Lanes, canary, stop rules, override").click()
    operator.get_by_label("Canary").fill("2")
    launch_all(operator)

    release = operator.get_by_role("button", name=re.compile("Release the other 35 steps"))
    expect(release).to_be_visible(timeout=A_RUN)
    expect(operator.locator("main")).to_contain_text("2 of 2 steps verified")
    release.click()

    wait_for_end(operator, "Succeeded")
    expect(timeline(operator)).to_contain_text("Canary released")


def test_paused_run_finishes_its_attempt_and_continues_when_resumed(operator: Page, console: Console):
    plan(operator, console, A_SEASON)
    launch_all(operator)
    operator.get_by_role("button", name="Pause").click()
    wait_for_end(operator, "Paused")

    operator.get_by_role("button", name="Resume").click()

    wait_for_end(operator, "Running")
    expect(timeline(operator)).to_contain_text("Resumed")


def test_stop_now_ends_the_call_and_its_dates_are_pending_again(operator: Page, console: Console):
    expect(kpi(operator, "State")).to_contain_text("upcoming_team_game_context, ", timeout=A_RUN)
    operator.get_by_role("button", name="Stop now").click()
    confirm(operator, "Stop now")

    wait_for_end(operator, "Paused")
    expect(timeline(operator)).to_contain_text("Stop requested: the call under way is ended")
    expect(kpi(operator, "Failed")).to_contain_text("0")
    run = operator.url
    operator.goto(f"{run}steps/?state=running")
    expect(operator.locator("main")).to_contain_text("No such steps")
    operator.goto(f"{run}steps/?state=pending")
    expect(operator.locator("main tbody tr")).not_to_have_count(0)
    operator.goto(run)


def test_a_second_launch_of_the_same_dates_names_the_run_that_has_them(
    operator: Page, console: Console, visit: Callable[..., Page]
):
    colleague = visit("admin")
    plan(colleague, console, f"table={CONTEXT}&season=2021-22")
    expect(colleague.get_by_role("button", name=re.compile("Launch"))).to_be_enabled()
    plan(operator, console, f"table={CONTEXT}&season=2021-22&end=2021-11-30")
    launch_all(operator)
    number = operator.url.rstrip("/").rpartition("/")[2]
    operator.get_by_role("button", name="Pause").click()

    colleague.get_by_role("button", name=re.compile("Launch")).click()

    expect(colleague.locator("main")).to_contain_text("The plan is not the one you saw")
    expect(colleague.locator("main")).to_contain_text(f"Run {number}")
    expect(colleague.locator("main")).to_contain_text("They are left out here.")
    wait_for_end(operator, "Paused")


def test_launch_leaves_out_dates_of_another_run_and_fills_the_others(
    console: Console, visit: Callable[..., Page]
):
    colleague = visit("admin")
    plan(colleague, console, f"table={CONTEXT}&start=2021-11-20&end=2021-12-05")

    launch_all(colleague)

    expect(colleague.locator("main")).to_contain_text("running elsewhere")
    wait_for_end(colleague, "Succeeded")


def test_a_cancelled_run_has_no_failures_and_can_be_planned_again(operator: Page, console: Console):
    operator.get_by_role("button", name="Cancel run").click()
    confirm(operator, "Cancel the run")
    wait_for_end(operator, "Cancelled")

    expect(kpi(operator, "Failed")).to_contain_text("0")
    plan(operator, console, f"table={CONTEXT}&season=2021-22&end=2021-11-30")
    expect(operator.get_by_role("button", name=re.compile("Launch"))).to_be_enabled()


def test_gates_are_overridden_with_a_reason_that_stays_visible(operator: Page, console: Console):
    plan(operator, console, "phase=3&phase=4&start=2023-12-05&end=2023-12-05")
    expect(operator.get_by_role("button", name="Launch 5 steps")).to_be_visible()
    operator.get_by_text("Lanes, canary, stop rules, override").click()
    operator.get_by_label("Start although inputs are missing, because").fill("November comes later")
    operator.keyboard.press("Tab")
    expect(operator.get_by_role("button", name="Launch 10 steps")).to_be_visible()
    launch_all(operator)

    expect(operator.locator("main")).to_contain_text("November comes later")
    expect(operator.get_by_role("button", name="Start Phase 4").first).to_be_visible(timeout=A_RUN)
    operator.get_by_role("button", name="Start Phase 4").first.click()
    confirm(operator, "Start Phase 4")

    expect(kpi(operator, "State")).to_contain_text(re.compile("Succeeded|Failed"), timeout=A_RUN)
    expect(timeline(operator)).to_contain_text("Gates overridden: November comes later")
    expect(kpi(operator, "Skipped")).to_contain_text("0")
    operator.get_by_role("link", name="player_shot_zone_analysis").click()
    step = operator.locator("tbody tr", has_text="2023-12-05")
    expect(step).to_contain_text("started under an override")
    expect(step.get_by_role("link", name="Log of attempt")).to_be_visible()
    operator.go_back()
    operator.get_by_role("link", name="Summary", exact=True).click()
    expect(operator.locator("main")).to_contain_text("November comes later")
