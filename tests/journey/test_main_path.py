"""From a gap on the heatmap to a verified partition and a mail: the demo, as its operator sees it.

The tests are the chapters of one story, told in order on one console.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from benchmarks import demo
from tests.journey.conftest import Console, served

pytestmark = pytest.mark.journey

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "images"
A_RUN = 120_000  # milliseconds that a run of the demo may take on a slow machine
OVERFLOW = "Conversion Error: Could not cast value … to DECIMAL(5,2)"


@pytest.fixture(scope="module")
def console(built: dict[str, str]) -> Iterator[Console]:
    """The demo with its test run in the queue."""
    with served(built, [*demo.TEST_RUN, "--note", "first check before the full range"]) as console:
        yield console


@pytest.fixture(scope="module")
def operator(visit: Callable[..., Page]) -> Page:
    return visit("operator")


def kpi(page: Page, label: str):
    return page.locator(".kpi", has=page.get_by_text(label, exact=True))


def plan(page: Page, console: Console, query: str) -> None:
    page.goto(f"{console.url}/runs/new/?{query}")


def launch(page: Page, steps: int) -> int:
    """Launches what is planned; answers the run's number."""
    page.get_by_role("button", name=f"Launch {steps} step").click()
    page.wait_for_url(re.compile(r"/runs/\d+/$"))
    return int(page.url.rstrip("/").rpartition("/")[2])


def wait_for_end(page: Page, state: str) -> None:
    expect(kpi(page, "State")).to_contain_text(state, timeout=A_RUN)


def mail_subjects(page: Page, console: Console) -> str:
    page.goto(f"{console.url}/outbox/")
    return page.locator("main").inner_text()


def test_first_run_succeeds_with_all_70_steps_verified(operator: Page, console: Console):
    operator.goto(f"{console.url}/runs/1/")
    wait_for_end(operator, "Succeeded")

    expect(kpi(operator, "Verified")).to_contain_text("70")
    expect(operator.locator("main")).to_contain_text("first check before the full range")


def test_overview_shows_on_how_many_dates_phase_3_is_complete(operator: Page, console: Console):
    operator.goto(console.url)

    expect(operator.locator("main")).to_contain_text("Phase 3 is complete on 14 of 675 dates")


def test_outbox_has_a_mail_about_the_first_run(operator: Page, console: Console):
    expect_mail(operator, console, "SUCCEEDED 70/70")
    assert list((console.folder / "outbox").iterdir())


def expect_mail(page: Page, console: Console, subject: str) -> None:
    """Mails are sent by another worker, a moment after the run ends."""
    page.goto(f"{console.url}/outbox/")
    for _ in range(60):
        if subject in page.locator("main").inner_text():
            break
        page.wait_for_timeout(500)
        page.reload()
    expect(page.locator("main")).to_contain_text(subject)


def test_a_drag_over_the_heatmap_becomes_a_plan(operator: Page, console: Console):
    operator.goto(f"{console.url}/coverage/2023-24/?from=2024-02&to=2024-02")
    plot = operator.locator(".plot")
    expect(operator.locator(".js-plotly-plot .heatmaplayer image")).to_have_count(1)
    box = plot.bounding_box()
    assert box
    operator.mouse.move(box["x"] + 0.40 * box["width"], box["y"] + 27)
    operator.mouse.down()
    operator.mouse.move(box["x"] + 0.60 * box["width"], box["y"] + 60, steps=5)
    operator.mouse.up()
    operator.locator("#selection").get_by_role("link", name="Plan").click()

    expect(operator.get_by_role("button", name="Launch")).to_be_enabled()


def test_all_star_week_fails_with_one_signature_of_two_dates(operator: Page, console: Console):
    plan(operator, console, "phase=3&start=2024-02-10&end=2024-02-29")
    launch(operator, 66)
    wait_for_end(operator, "Failed")

    failures = operator.locator("#failures")
    expect(kpi(operator, "Verified")).to_contain_text("64")
    expect(failures.locator(".message")).to_have_count(1)
    expect(failures).to_contain_text(OVERFLOW)
    expect(failures).to_contain_text("2024-02-16")
    expect(failures).to_contain_text("2024-02-18")
    expect_mail(operator, console, "FAILED 2/66")


def test_a_retry_fails_again_with_the_same_signature_and_counts_its_attempts(
    operator: Page, console: Console
):
    operator.goto(f"{console.url}/runs/2/")
    operator.get_by_role("link", name="Plan a retry").first.click()
    launch(operator, 2)
    wait_for_end(operator, "Failed")

    expect(operator.locator("#failures")).to_contain_text(OVERFLOW)
    operator.goto(f"{console.url}/failures/")
    expect(operator.locator("main")).to_contain_text("tried 4 times")


def test_phase_4_waits_at_its_manual_gate_until_an_operator_starts_it(operator: Page, console: Console):
    plan(operator, console, "phase=3&phase=4&start=2023-10-24&end=2023-11-02")
    operator.get_by_role("button", name="Launch").click()
    operator.wait_for_url(re.compile(r"/runs/\d+/$"))
    expect(operator.get_by_role("button", name="Start Phase 4").first).to_be_visible(timeout=A_RUN)
    expect_mail(operator, console, "WAITING")
    operator.go_back()
    operator.get_by_role("button", name="Start Phase 4").first.click()
    wait_for_end(operator, "Succeeded")


def test_the_rows_on_the_bootstrap_date_are_in_the_mail_about_their_table(operator: Page, console: Console):
    operator.goto(f"{console.url}/outbox/")
    operator.get_by_role("link", name=re.compile("SUCCEEDED .* 2023-10-24 to 2023-11-02")).first.click()

    expect(operator.frame_locator("iframe").locator("body")).to_contain_text("unexpected")


def test_a_run_is_paused_resumed_and_cancelled(operator: Page, console: Console):
    plan(operator, console, "table=nba_analytics.upcoming_team_game_context&season=2021-22")
    operator.get_by_role("button", name="Launch").click()
    operator.wait_for_url(re.compile(r"/runs/\d+/$"))
    operator.get_by_role("button", name="Pause").click()
    wait_for_end(operator, "Paused")
    operator.get_by_role("button", name="Resume").click()
    wait_for_end(operator, "Running")
    operator.get_by_role("button", name="Cancel run").click()
    operator.get_by_role("dialog").get_by_role("button", name="Cancel the run").click()
    wait_for_end(operator, "Cancelled")


def test_a_viewer_sees_the_run_and_no_buttons(visit: Callable[..., Page], console: Console):
    viewer = visit("viewer")
    viewer.goto(f"{console.url}/runs/2/")

    expect(viewer.get_by_role("heading", level=1)).to_contain_text("Phase 3")
    expect(viewer.get_by_role("button", name=re.compile("Pause|Stop|Resume|Cancel run"))).to_have_count(0)


@pytest.mark.parametrize(
    ("name", "width", "theme"),
    [("light", 1440, "light"), ("dark", 1440, "dark"), ("phone", 390, "light")],
)
def test_the_readme_has_its_pictures(visit: Callable[..., Page], console: Console, name, width, theme):
    page = visit("operator", width=width, theme=theme)
    PICTURES.mkdir(exist_ok=True)
    for title, path in (("overview", "/"), ("season", "/coverage/2023-24/"), ("run", "/runs/2/")):
        page.goto(console.url + path)
        if title == "season":
            expect(page.locator(".js-plotly-plot .heatmaplayer image")).to_have_count(1)
        expect(page.locator("[hx-get*='/plan/steps/']").first).to_contain_text("steps")
        picture = PICTURES / f"{title}-{name}.png"
        page.screenshot(path=picture)
        assert picture.stat().st_size > 10_000
        assert page.evaluate("document.documentElement.scrollWidth") == width
