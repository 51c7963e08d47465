"""What people and jobs write may be as long as they like: no page becomes wider than its window."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client
from playwright.sync_api import Browser

from apps.runs.models import Run
from tests.conftest import day
from tests.journey.conftest import chromium  # noqa: F401

pytestmark = pytest.mark.journey

STATIC = Path(__file__).resolve().parents[3] / "static"
STYLESHEET = re.compile(r'<link rel="stylesheet" href="/static/([^"?]+)[^>]*>')
LONG = 300 * "x"
Draw = Callable[[str, int], int]


@pytest.fixture
def wordy(launch, drive, fault, operator) -> Run:
    """A run of which everything that can be said is said at length, without a space."""
    fault("daily.sales", "01-02", "overflow")
    run = drive(launch(tables=["daily.sales"], start=day("01-01"), end=day("01-04")))
    run.steps.filter(date=day("01-03")).update(status="skipped", message=LONG, signature=LONG)
    run.steps.filter(status="failed").update(message=LONG + LONG[:100], signature=LONG)
    run.attempts.update(message=LONG)
    texts = {
        "title": LONG,
        "note": LONG,
        "message": LONG,
        "override_reason": LONG,
        "overridden_by": LONG[:150],
    }
    Run.objects.filter(pk=run.pk).update(**texts, launched_by=LONG[:150])
    run.record("override", LONG, by=operator)
    return run


@pytest.fixture
def overflow(chromium: Browser, operating: Client) -> Draw:  # noqa: F811
    """By how many pixels a page is wider than a window of some width."""

    def measure(address: str, width: int) -> int:
        markup = operating.get(address).content.decode()
        styled = STYLESHEET.sub(lambda link: f"<style>{(STATIC / link[1]).read_text()}</style>", markup)
        page = chromium.new_page(viewport={"width": width, "height": 900})
        page.set_content(re.sub(r"<script.*?</script>", "", styled, flags=re.DOTALL))
        wider = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        page.close()
        return wider

    return measure


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("place", ["", "summary/", "steps/", "attempts/", "attempts/1/"])
def test_long_words_do_not_widen_the_pages_of_a_run(wordy, overflow, place, width):
    assert overflow(f"{wordy.get_absolute_url()}{place}", width) <= 0


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("address", ["/runs/", "/failures/", "/"])
def test_long_words_do_not_widen_the_pages_about_runs(wordy, overflow, address, width):
    assert overflow(address, width) <= 0
