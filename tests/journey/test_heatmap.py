"""An operator looks at a season in a real browser: the map answers, and nothing breaks the content policy."""

import re

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page, expect

from apps.coverage.models import Partition
from apps.coverage.plotly import package_data
from tests.conftest import day

pytestmark = pytest.mark.journey

# The cells of the winter's map: its first row is the heading of Phase 2, the second is daily.sales.
DATES, ROW = 19, 18


@pytest.fixture
def winter(transactional_db, scan, operator, live_server, chromium: Browser):
    """The winter's page, drawn, for somebody who is logged in; what the browser complains of fails the test."""
    scan()
    Partition.objects.filter(table="daily.sales", date=day("01-03")).update(activity="failed", run_id=7)
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    session = Client()
    session.force_login(operator)
    context.add_cookies(
        [{"name": "sessionid", "value": session.cookies["sessionid"].value, "url": live_server.url}]
    )
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{live_server.url}/coverage/winter/")
    expect(page.locator(".js-plotly-plot .heatmaplayer image")).to_have_count(1)
    yield page
    context.close()
    assert [text for text in complaints if "favicon" not in text] == []


def cell(page: Page, row: int, date: int) -> tuple[float, float]:
    """The middle of a cell on the screen."""
    box = page.locator(".plot").bounding_box()
    assert box
    return box["x"] + box["width"] * (date + 0.5) / DATES, box["y"] + ROW * (row + 0.5)


def test_hover_shows_the_date_state_and_rows_of_a_cell(winter: Page):
    winter.mouse.move(*cell(winter, 1, 2))

    label = winter.locator(".hoverlayer")
    expect(label).to_contain_text("2024-01-03 · failed")
    expect(label).to_contain_text("0 rows, expected 8")


def test_a_click_opens_the_cells_panel_and_escape_closes_it(winter: Page):
    winter.mouse.click(*cell(winter, 1, 2))

    panel = winter.locator("#panel")
    expect(panel.locator("h2")).to_have_text("sales")
    expect(panel).to_contain_text("2024-01-03")
    winter.keyboard.press("Escape")
    expect(panel).to_be_empty()


def test_drag_selection_offers_a_plan_with_its_number_of_steps(winter: Page):
    Partition.objects.filter(table="daily.sales", date=day("01-05")).update(state="complete")
    winter.mouse.move(*cell(winter, 1, 3))
    winter.mouse.down()
    winter.mouse.move(*cell(winter, 2, 5), steps=4)
    winter.mouse.up()

    offer = winter.locator("#selection").get_by_role("link", name="Plan")
    expect(offer).to_have_text(re.compile(r"Plan a run\s+· 5 steps"))
    expect(offer).to_have_attribute(
        "href", "/runs/new/?table=daily.sales&table=daily.visits&start=2024-01-04&end=2024-01-06"
    )
    winter.locator("#selection button").click()
    expect(winter.locator("#selection")).to_be_hidden()


def test_heatmap_redraws_after_a_change_of_mode_or_theme_and_after_a_scan(winter: Page, scan, ask):
    winter.get_by_role("link", name="Age", exact=True).click()
    expect(winter).to_have_url(re.compile("mode=age"))
    expect(winter.locator("#scale")).to_be_visible()
    winter.get_by_role("link", name="State", exact=True).click()
    winter.emulate_media(color_scheme="dark")

    ask("INSERT INTO daily.sales SELECT ?, i, NULL FROM range(8) rows(i)", day("01-05"))
    scan()
    winter.evaluate("htmx.trigger('#live', 'refresh')")

    expect(winter.locator("#legend")).to_contain_text("complete 39")
    winter.mouse.move(*cell(winter, 1, 4))
    expect(winter.locator(".hoverlayer")).to_contain_text("2024-01-05 · complete")


def test_date_link_opens_the_panel_by_keyboard(winter: Page):
    winter.get_by_role("link", name="2024-01-03").focus()
    winter.keyboard.press("Enter")

    expect(winter.locator("#panel")).to_contain_text("Plan this date")


def test_page_contains_the_style_elements_that_plotly_looks_up(winter: Page):
    """plotly.js looks for these two ids and, finding them, adds no style of its own."""
    script = (package_data() / "plotly.min.js").read_text(encoding="utf-8")
    wanted = re.findall(r'getElementById\("([0-9a-f]{64})"\)', script)

    assert wanted and all(winter.locator(f'[id="{name}"]').count() == 1 for name in wanted)


def test_a_page_without_a_problem_has_no_space_for_one(winter: Page):
    expect(winter.locator("#problem")).to_have_css("display", "none")
