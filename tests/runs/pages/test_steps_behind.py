"""The number on a button that leads to a plan: it is the number of steps of that plan, whatever lies between."""

import html
import re

import pytest
from django.http import QueryDict

from apps.coverage.accepted import accepting
from apps.coverage.accepted.accepting import Acceptance
from apps.pipeline import definition
from apps.runs.models import Run
from apps.runs.pages.launch_form import PlanForm
from tests.conftest import day
from tests.runs.pages.conftest import words

SALES = "daily.sales"
BUTTON = re.compile(
    r'href="/runs/new/\?([^"]+)"[^>]*>[^<]*(?:<b>[^<]*</b> <span[^>]*>[^<]*)?<span[^>]*hx-get="([^"]+)"'
)


@pytest.fixture
def partly(launch, drive, fault, pipeline, scan) -> Run:
    """Of four failures of a run two were accepted, and another run is about to fill a third."""
    for number in range(1, 5):
        fault(SALES, f"01-0{number}", "overflow")
    run = drive(launch(tables=[SALES], start=day("01-01"), end=day("01-04")))
    wish = Acceptance((pipeline.table(SALES),), day("01-01"), day("01-02"))
    accepting.accept(wish, reason="gone for good", by="olga")
    launch(tables=[SALES], start=day("01-03"), end=day("01-03"))
    return run


@pytest.mark.parametrize(
    "address", ["/", "/coverage/", "/coverage/winter/?table=daily.sales", "/failures/", "/runs/new/"]
)
def test_every_button_of_a_page_has_the_number_of_its_own_plan(partly, operating, address):
    buttons = BUTTON.findall(operating.get(address).content.decode())

    assert buttons
    for link, number in buttons:
        assert number.partition("?")[2] == link
        assert shown(operating, number) == planned(link)


def test_plan_buttons_of_a_run_page_show_the_number_of_steps_of_their_plans(partly, operating):
    buttons = BUTTON.findall(operating.get(partly.get_absolute_url()).content.decode())

    assert [shown(operating, number) for _, number in buttons] == ["· 1 step", "· 1 step"]


def test_before_a_scan_the_number_is_unknown_and_not_none(operating, pipeline):
    assert shown(operating, "/runs/plan/steps/?phase=2") == "· steps unknown"


def shown(client, address: str) -> str:
    return words(client.get(html.unescape(address)).content.decode())


def planned(link: str) -> str:
    plan = PlanForm.of_link(QueryDict(html.unescape(link)), definition.current()).plan()
    steps, behind = len(plan.steps), plan.blocked
    said = f"· {steps} step{'' if steps == 1 else 's'}"
    return (
        f"{said} · {behind.steps} more would be skipped, behind {behind.behind} dates"
        if behind.steps
        else said
    )
