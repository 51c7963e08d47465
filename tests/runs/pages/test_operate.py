"""Pausing, stopping, resuming, cancelling, and starting a phase."""

import html
import re

import pytest

from apps.coverage.models import Partition
from apps.runs.models import Run
from tests.conftest import day
from tests.runs.conftest import add_step
from tests.runs.pages.conftest import words

WEEK = {"start": day("01-01"), "end": day("01-06")}
VERBS = ["pause", "stop", "resume", "cancel", "start-phase", "retry", "release", "override", "lanes"]


@pytest.fixture
def gated(launch, drive) -> Run:
    """A run that waits before Phase 3."""
    return drive(launch(**WEEK))


def after(client, run: Run, verb: str, **data) -> str:
    """What the run's page says after a button was pressed."""
    return words(client.post(f"/runs/{run.pk}/{verb}/", data, follow=True).content.decode())


def test_a_running_run_pauses_after_its_call(launch, hold, worker, operating):
    run = hold(launch(tables=["daily.sales"], **WEEK))
    run.attempts.create(number=1, table="daily.sales", lease="held", dates=["2024-01-01"])

    assert "State Pausing Will pause after the current call." in after(operating, run, "pause")


def test_pausing_run_shows_when_its_attempt_likely_ends(launch, drive, hold, worker, operating):
    run = hold(drive(launch(tables=["daily.sales"], start=day("01-01")), attempts=3))
    run.steps.exclude(seconds=None).update(seconds=50)
    run.attempts.create(number=9, table="daily.sales", lease="held", dates=["2024-01-14"])

    assert "Will pause after the current call, in about 50 s." in after(operating, run, "pause")


def test_stopping_run_reports_that_its_attempt_is_being_ended(launch, hold, worker, operating):
    run = hold(launch(tables=["daily.sales"], **WEEK))

    assert "State Stopping The call under way is being ended" in after(operating, run, "stop")


@pytest.mark.parametrize(
    ("verbs", "says"),
    [
        pytest.param(["pause"], "State Paused", id="a queued run pauses at once"),
        pytest.param(["cancel"], "Cancelled with 6 steps left", id="a cancelled run gives its dates back"),
        pytest.param(["pause", "resume"], "State Queued", id="a paused run resumes"),
        pytest.param(["pause", "pause"], "{run} is paused already; nothing was changed.", id="pausing twice"),
        pytest.param(["cancel", "cancel"], "{run} is cancelled", id="cancelling twice is refused"),
        pytest.param(["cancel", "pause"], "Last, olga: Cancelled with 6 steps left.", id="who acted first"),
    ],
)
def test_a_run_that_did_not_begin_follows_or_refuses_in_words(launch, operating, verbs, says):
    run = launch(tables=["daily.sales"], **WEEK)
    *first, last = verbs
    for verb in first:
        operating.post(f"/runs/{run.pk}/{verb}/")

    assert says.format(run=f"Run {run.pk}") in after(operating, run, last)


def test_action_that_does_not_fit_the_state_is_refused_with_the_reason(launch, drive, operating):
    run = drive(launch(tables=["daily.sales"], start=day("01-01"), end=day("01-01")))

    assert f"Run {run.pk} has succeeded; there is nothing to pause." in after(operating, run, "pause")


def test_a_run_that_pauses_at_the_end_of_a_call_cannot_be_resumed_before(launch, hold, worker, operating):
    run = launch(tables=["daily.sales"], **WEEK)
    hold(run)
    operating.post(f"/runs/{run.pk}/pause/")

    assert "is at its last call before it pauses; it can be resumed once that is over." in after(
        operating, run, "resume"
    )


@pytest.mark.parametrize("verb", ["pause", "stop", "cancel"])
@pytest.mark.parametrize("is_running", [True, False])
def test_timeline_shows_operator_and_reason_of_an_action(
    launch, hold, worker, operating, operator, verb, is_running
):
    run = launch(tables=["daily.sales"], **WEEK)
    if is_running:
        hold(run)

    operating.post(f"/runs/{run.pk}/{verb}/", {"reason": "the source is being mended"})

    event = run.events.latest("id")
    assert event.by == operator.username
    assert event.text.endswith("Why: the source is being mended")


@pytest.mark.parametrize("verb", VERBS)
def test_viewer_may_not_operate_a_run(launch, viewing, verb):
    run = launch(tables=["daily.sales"], **WEEK)

    assert viewing.post(f"/runs/{run.pk}/{verb}/").status_code == 403


@pytest.mark.parametrize("verb", VERBS)
def test_get_request_does_not_operate_a_run(launch, operating, verb):
    run = launch(tables=["daily.sales"], **WEEK)

    assert operating.get(f"/runs/{run.pk}/{verb}/").status_code == 405


def test_run_page_at_a_gate_shows_available_inputs(gated, read):
    text = read(gated.get_absolute_url())

    assert "State Waiting Phase 3 starts by hand." in text
    assert "sales 2024-01-01 to 2024-01-06 6 of 6" in text


def test_at_a_gate_the_page_leads_to_the_plan_of_what_is_missing(launch, drive, operating, ask, scan):
    run = drive(launch(start=day("01-04"), end=day("01-06"), through_gaps=True))

    page = operating.get(run.get_absolute_url()).content.decode()

    assert "sales 2024-01-01 to 2024-01-06 3 of 6" in words(page)
    assert "/runs/new/?table=daily.sales&amp;start=2024-01-01&amp;end=2024-01-03" in page


def test_a_phase_is_started_by_hand(gated, operating):
    text = after(operating, gated, "start-phase", phase="3")

    assert "Phase 3 started by hand · olga" in text
    assert "State Queued" in text


def test_another_phase_than_the_one_it_waits_for_is_not_started(gated, operating):
    assert "waits before phase 3, not before phase 2" in after(operating, gated, "start-phase", phase="2")


def test_starting_a_phase_twice_is_refused_in_words(gated, operating):
    operating.post(f"/runs/{gated.pk}/start-phase/", {"phase": "3"})

    assert "does not wait at a gate" in after(operating, gated, "start-phase", phase="3")
    assert gated.events.filter(kind="gate").count() == 1


def test_gate_shows_blocked_steps_and_offers_to_accept_the_gaps(launch, drive, operating):
    """Trend looks three days back at sales, of which the run fills the 4th to the 6th."""
    run = drive(launch(start=day("01-04"), end=day("01-06"), through_gaps=True))

    page = operating.get(run.get_absolute_url()).content.decode()

    assert run.message.startswith("Phase 3 starts by hand; 3 of 3 steps would be skipped, behind 3 dates; ")
    assert "3 would be skipped, behind 3 dates" in words(page)
    assert "2024-01-01 to 2024-01-03 of sales (missing)" in words(page)
    assert (
        'data-confirm-text="Not everything that it reads is complete. 3 of 3 steps would be skipped, behind'
        in page
    )
    assert "/coverage/accepted/new/?table=daily.sales&amp;start=2024-01-01&amp;end=2024-01-03" in page
    assert "Accept 3 gaps" in words(page)


def test_after_the_gaps_are_accepted_nothing_would_be_skipped(launch, drive, operating):
    run = drive(launch(start=day("01-04"), end=day("01-06"), through_gaps=True))
    asked = {
        "table": "daily.sales",
        "start": "2024-01-01",
        "end": "2024-01-03",
        "reason": "the source lost them",
    }
    operating.post("/coverage/accepted/new/", asked | {"seen": "3"})

    page = operating.get(run.get_absolute_url()).content.decode()

    assert "would be skipped" not in words(page).replace(run.message, "")
    assert "everything is there" in words(page)


@pytest.fixture
def torn(launch, drive, fill, ask) -> Run:
    """It waits before Phase 3, whose steps of the 4th and 11th read three days back: sales lacks two of these dates,
    and others between them that nobody reads."""
    fill("01-01", "01-02", "01-04", "01-08", "01-09", "01-11")
    ask("INSERT INTO daily.visits SELECT ?, i FROM range(8) rows(i)", day("01-11"))
    run = drive(launch(start=day("01-04"), end=day("01-04"), through_gaps=True))
    add_step(run, "01-11", "weekly.trend", phase="3")
    return run


def links(page: str, start: str) -> list[str]:
    return [html.unescape(found) for found in re.findall(rf'href="({start}[^"]*)"', page)]


def test_the_gates_link_accepts_the_named_gaps_and_no_others(torn, operating):
    page = operating.get(torn.get_absolute_url()).content.decode()
    [link] = links(page, "/coverage/accepted/new/")

    assert "2024-01-03, 2024-01-10 Plan these gaps Accept 2 gaps" in words(page)
    assert "Accept 2 gaps" in words(operating.get(link).content.decode())


def test_the_gates_link_plans_the_named_gaps_and_no_others(torn, operating):
    [link] = links(operating.get(torn.get_absolute_url()).content.decode(), "/runs/new/")

    assert "Launch 2 steps" in words(operating.get(link).content.decode())


def test_unknown_date_is_not_offered_as_a_gap_to_accept_at_the_gate(torn, operating):
    Partition.objects.filter(table="daily.sales", date=day("01-03")).update(state="unknown")

    [link] = links(operating.get(torn.get_absolute_url()).content.decode(), "/coverage/accepted/new/")

    assert link.endswith("start=2024-01-10&end=2024-01-10")


def test_a_plan_of_gaps_carries_its_true_number_at_the_gate(torn, operating):
    page = operating.get(torn.get_absolute_url()).content.decode()

    assert (
        'hx-get="/runs/plan/steps/?table=daily.sales&amp;start=2024-01-03&amp;end=2024-01-10&amp;dates='
        in page
    )
