"""A launch shows the verdict for its plan, asks for a reason when that is not ready, and looks again at the start."""

import datetime as dt
import re

import pytest
import time_machine
from django.utils import timezone

from apps.runs import control
from apps.runs.control import LaunchRefused
from apps.runs.models import Preflight, Run
from apps.runs.preflight import reports
from tests.conftest import day
from tests.runs.pages.conftest import words

SALES = {"table": "daily.sales", "start": "2024-01-01", "end": "2024-01-06"}
WEEK = {"tables": ["daily.sales"], "start": day("01-01"), "end": day("01-06")}

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def beside(operating, scan):
    """What is written beside the plan."""

    def look(**fields) -> str:
        scan()
        return words(operating.get("/runs/plan/", SALES | fields).content.decode())

    return look


def test_plan_reports_that_no_preflight_covers_it(beside):
    assert "Pre-flight Not run for these tables and dates. Run pre-flight for this plan" in beside()


def test_a_pre_flight_that_covers_the_plan_is_shown(beside, checked):
    report = checked(**WEEK).report

    assert f"not ready Pre-flight {report.pk}" in beside()
    assert "In the way: Workers." in beside()


@pytest.mark.parametrize(
    "other",
    [
        {"tables": ["daily.visits"]},
        {"tables": ["daily.sales"], "end": day("01-05")},
        {"tables": ["daily.sales"], "seasons": ["spring"]},
        {"tables": ["daily.sales"], "end": day("01-07")},
        {},  # in a share of many dates a few that lack everything are lost
    ],
)
def test_preflight_of_other_tables_or_dates_does_not_cover_the_plan(beside, checked, other):
    checked(**other)

    assert "Not run for these tables and dates." in beside()


def test_preflight_of_more_tables_covers_the_plan(beside, checked):
    report = checked(start=day("01-01"), end=day("01-06")).report

    assert f"Pre-flight {report.pk}" in beside()


def test_preflight_of_the_selected_season_covers_a_plan_of_its_gaps(checked, plan, pipeline, launch, drive):
    drive(launch(**WEEK))
    report = checked(tables=["daily.sales"], seasons=["winter"]).report

    assert reports.covering(plan(tables=["daily.sales"], seasons=["winter"]), pipeline) == report


def test_expired_preflight_does_not_cover_the_plan(beside, checked, workers):
    with time_machine.travel(timezone.now() - dt.timedelta(days=30)):
        Preflight.objects.filter(pk=checked(**WEEK).report.pk).update(verdict="ready")

    assert "Not run for these tables and dates." in beside()


def test_newest_preflight_takes_precedence(beside, checked, workers):
    Preflight.objects.filter(pk=checked(**WEEK).report.pk).update(verdict="not_ready")
    checked(**WEEK)

    assert "ready with warnings" in beside()


def test_preflight_can_be_requested_beside_the_plan(operating, first_scan):
    page = operating.post("/preflight/start-for-plan/", SALES, headers={"HX-Request": "true"})

    report = Preflight.objects.get()
    assert (report.tables, report.start, report.end) == (["daily.sales"], day("01-01"), day("01-06"))
    assert f"/preflight/{report.pk}/beside-plan/" in page.content.decode()


def test_at_its_end_the_plan_is_drawn_anew(operating, checked):
    report = checked(**WEEK).report

    assert operating.get(f"/preflight/{report.pk}/beside-plan/").headers["HX-Trigger"] == "preflighted"


def test_a_plan_that_is_not_ready_is_launched_with_a_reason_only(checked, plan, pipeline):
    report = checked(**WEEK).report

    with pytest.raises(LaunchRefused, match=rf"Pre-flight {report.pk} is not ready: Workers\. Mend it"):
        control.launch(plan(**WEEK), pipeline, by="olga", queued=False)


def test_the_reason_stays_on_the_run(checked, plan, pipeline):
    report = checked(**WEEK).report

    run = control.launch(plan(**WEEK), pipeline, by="olga", unready="workers start at noon", queued=False)

    event = run.events.get(kind="preflight")
    assert event.text == (
        f"Launched although pre-flight {report.pk} is not ready (Workers): workers start at noon"
    )
    assert event.by == "olga"


def test_launch_form_requires_a_reason_if_the_preflight_is_not_ready(operating, checked, scan):
    checked(**WEEK)
    page = operating.get("/runs/plan/", SALES).content.decode()
    fields = SALES | dict(re.findall(r'name="(seen\w*)" value="(\w+)"', page))
    assert "Launch although it is not ready, because" in words(page)

    assert operating.post("/runs/new/", fields).status_code == 409
    assert operating.post("/runs/new/", fields | {"unready": "it starts later"}).status_code == 302
    assert Run.objects.get().events.filter(kind="preflight", text__endswith=": it starts later").exists()


def test_a_ready_pre_flight_is_in_the_timeline(checked, workers, launch):
    report = checked(**WEEK).report

    run = launch(**WEEK)

    assert run.events.get(kind="preflight").text == f"Pre-flight {report.pk} is ready with warnings"


# At the start -----------------------------------------------------------------------------------------


def test_a_run_does_not_start_without_its_script(launch, drive, shop):
    run = launch(**WEEK)
    (shop.parent / "jobs" / "fill.py").unlink()

    drive(run)

    assert (run.status, run.pause_reason) == (Run.Status.PAUSED, Run.PauseReason.PREFLIGHT)
    assert "Not ready to start: " in run.message and "fill.py is not there" in run.message
    assert not run.attempts.exists()


def test_a_run_does_not_start_when_its_safety_flag_was_taken_out(launch, drive, shop):
    run = launch(**WEEK)
    path = shop.parent / "shop.toml"
    path.write_text(path.read_text().replace(', "--safe"]', "]", 1))

    assert "does not say --safe in shop.toml any more" in drive(run).message


def test_a_run_does_not_start_on_a_table_without_a_column_of_the_file(launch, drive, ask):
    run = launch(**WEEK)
    ask("ALTER TABLE daily.sales DROP COLUMN written_at")

    assert drive(run).message == "Not ready to start: Table daily.sales has no column written_at"


def test_a_run_starts_between_the_dates_of_another_one(launch, drive):
    launch(tables=["daily.sales"], start=day("01-03"), end=day("01-04"))

    run = drive(launch(tables=["daily.sales"], start=day("01-02"), end=day("01-05")))

    assert (run.status, run.steps.count()) == ("succeeded", 2)


def test_resumed_run_repeats_the_start_checks_and_continues(launch, drive, shop):
    run, script = launch(**WEEK), shop.parent / "jobs" / "fill.py"
    text = script.read_text()
    script.unlink()
    drive(run)

    script.write_text(text)
    control.resume(run, by="olga")

    assert drive(run).status == Run.Status.SUCCEEDED
