"""What a run's page asks for while the run works, and what it gets."""

from collections.abc import Callable

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from apps.runs import control
from apps.runs.models import Run
from apps.runs.pages import versions
from tests.conftest import day
from tests.runs.pages.conftest import words

WEEK = {"start": day("01-01"), "end": day("01-06")}


@pytest.fixture(autouse=True)
def same_minute(monkeypatch) -> None:
    """Estimates are told anew every half minute; these tests are not about that."""
    monkeypatch.setattr(versions, "FRESH_FOR", 10**12)


@pytest.fixture
def run(launch, hold, worker) -> Run:
    """A run that somebody performs, with a call under way."""
    run = hold(launch(tables=["daily.sales"], **WEEK))
    run.attempts.create(number=1, table="daily.sales", lease="held", dates=["2024-01-01"])
    return run


def seen(client: Client, run: Run) -> str:
    """The version of the page that a browser has."""
    return client.get(run.get_absolute_url()).context["version"]


def refresh(client: Client, run: Run, version: str, **asked: str) -> HttpResponse:
    return client.get(f"/runs/{run.pk}/live/", asked, headers={"If-None-Match": f'"{version}"'})


def test_a_refresh_gets_nothing_where_nothing_changed(operating, run):
    response = refresh(operating, run, seen(operating, run))

    assert response.status_code == 304
    assert response.content == b""


def test_run_page_polls_with_its_current_version(operating, run):
    page = operating.get(run.get_absolute_url())

    asked = f"""hx-headers='{{"If-None-Match": "\\"{page.context["version"]}\\""}}'"""
    assert asked in page.content.decode()


def test_asking_whether_something_changed_is_cheap(operating, run, django_assert_num_queries):
    version = seen(operating, run)

    with django_assert_num_queries(4):  # session, person, version, workers
        refresh(operating, run, version)


def test_a_refresh_gets_what_changed(launch, drive, operating, hold, worker):
    run = hold(launch(tables=["daily.sales"], **WEEK))
    version = seen(operating, run)
    drive(run, attempts=1)

    assert "Verified 4 of 6" in words(refresh(operating, run, version).content.decode())


CHANGES: dict[str, Callable[[Run], object]] = {
    "its status": lambda run: run._move(Run.Status.PAUSED, "Paused"),
    "a wish": lambda run: control.pause(run, by="olga"),
    "its lanes": lambda run: Run.objects.filter(pk=run.pk).update(lanes=2),
    "a step that waits no more": lambda run: run.steps.filter(position=0).update(status="running"),
    "a step that ended": lambda run: run.steps.filter(position=0).update(finished_at=timezone.now()),
    "an event": lambda run: run.record("gate", "Phase 2 started by hand"),
    "another call": lambda run: run.attempts.create(number=2, table="daily.sales", lease="x", dates=[]),
    "the end of a call": lambda run: run.attempts.update(status="ended"),
    "the loss of its worker": lambda run: run.held_lanes.update(lease_until=None),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_refresh_brings_whatever_changed(operating, run, change):
    version = seen(operating, run)
    change(run)

    response = refresh(operating, run, version)

    assert response.status_code == 200
    assert response.context["version"] != version


def test_the_buttons_come_with_a_refresh_only_when_they_changed(operating, operator, run):
    head = operating.get(run.get_absolute_url()).context["head_version"]
    same = refresh(operating, run, "", head=head).content.decode()
    control.pause(run, by=operator)
    changed = refresh(operating, run, "", head=head).content.decode()

    assert "hx-swap-oob" not in same
    assert "hx-swap-oob" in changed


def test_a_call_of_another_commit_brings_the_head(operating, run):
    head = operating.get(run.get_absolute_url()).context["head_version"]
    run.attempts.update(commit="f" * 40)

    changed = words(refresh(operating, run, "", head=head).content.decode())

    assert "ran at fffffff from" in changed


def test_refresh_must_be_revalidated_by_the_browser_cache(operating, run):
    assert refresh(operating, run, "")["Cache-Control"] == "private, no-cache"
