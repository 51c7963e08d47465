"""Releasing a canary, going on after failures, overriding gates, changing lanes; and what the page says meanwhile."""

import datetime as dt

import pytest
from django.utils import timezone

from apps.pipeline import definition
from apps.pipeline.sections import DuckDB
from apps.runs import control
from apps.runs.models import Attempt, Run, Step
from apps.runs.plans.options import Options
from tests.conftest import day
from tests.runs.pages.conftest import words
from tests.runs.pages.test_operate import after

WEEK = {"start": day("01-01"), "end": day("01-06")}
SALES = {"tables": ["daily.sales"], **WEEK}


@pytest.fixture
def canary(plan, pipeline, drive) -> Run:
    """A run of six dates whose canary of two is done."""
    run = control.launch(plan(**SALES), pipeline, by="olga", options=Options(canary=2), queued=False)
    return drive(run)


@pytest.fixture
def paused_for(launch):
    """A run that paused for a reason."""

    def rest(why: Run.PauseReason, says: str, **facts) -> Run:
        run = launch(**SALES)
        Run.objects.filter(pk=run.pk).update(
            status=Run.Status.PAUSED, pause_reason=why, message=says, **facts
        )
        return run

    return rest


@pytest.fixture
def calls(launch, hold, worker):
    """A run with so many calls under way."""

    def make(number: int, **facts) -> Run:
        run = hold(launch(tables=["daily.sales", "daily.visits"], **WEEK))
        Run.objects.filter(pk=run.pk).update(lanes=2)
        for each, table in zip(range(number), ["daily.sales", "daily.visits"], strict=False):
            run.attempts.create(number=each + 1, table=table, lease="held", dates=["2024-01-01"], **facts)
        return run

    return make


@pytest.fixture
def four_lanes(monkeypatch):
    """A warehouse that can be asked by several processes at once."""
    monkeypatch.setattr(DuckDB, "most_lanes", 4)


@pytest.fixture
def markup(operating):
    def get(run: Run) -> str:
        return operating.get(run.get_absolute_url()).content.decode()

    return get


# The canary ---------------------------------------------------------------------------------------


def test_a_canary_that_is_done_waits_for_its_release(canary, read):
    text = read(canary.get_absolute_url())

    assert "State Waiting Canary done: 2 of 2 steps verified." in text
    assert "Release the other 4 steps" in text
    assert "Canary 2024-01-01 to 2024-01-02" in text


def test_releasing_the_canary_lets_the_other_dates_follow(canary, operating, drive):
    assert "Canary released: the other dates follow · olga" in after(operating, canary, "release")
    assert drive(canary).status == Run.Status.SUCCEEDED


def test_release_of_a_failed_canary_asks_for_confirmation(canary, markup):
    canary.steps.filter(is_canary=True).update(status=Step.Status.FAILED)

    assert "Not all of the canary is verified: 2 failed, 0 skipped." in markup(canary)


@pytest.mark.parametrize("first", ["release", "cancel"])
def test_release_of_a_released_or_cancelled_canary_is_refused_with_the_reason(canary, operating, first):
    operating.post(f"/runs/{canary.pk}/{first}/")

    assert "does not wait for its canary's release" in after(operating, canary, "release")


# Waiting for better times -------------------------------------------------------------------------


def test_run_waiting_for_the_warehouse_shows_its_retry_time(paused_for, read, worker):
    at = timezone.now() + dt.timedelta(minutes=2)
    run = paused_for(Run.PauseReason.WAREHOUSE, "The warehouse did not answer: no route", again_at=at)

    text = read(run.get_absolute_url())

    assert "State Waiting The warehouse did not answer: no route. Tries again" in text
    assert f"{at:%H:%M} UTC" in text and "Resume now" in text and "Cancel run" in text


def test_waiting_run_reports_that_no_worker_is_alive(paused_for, read):
    run = paused_for(
        Run.PauseReason.DISK, "What the job says cannot be kept: disk full", again_at=timezone.now()
    )

    assert "disk full. No worker is alive: nothing happens until one starts." in read(run.get_absolute_url())


def test_page_of_a_waiting_run_polls(paused_for, markup):
    assert "data-live" in markup(paused_for(Run.PauseReason.WAREHOUSE, "Away", again_at=timezone.now()))


def test_operator_may_resume_a_waiting_run_early(paused_for, operating):
    run = paused_for(Run.PauseReason.WAREHOUSE, "The warehouse did not answer", again_at=timezone.now())

    assert "State Queued" in after(operating, run, "resume")


# After failures -----------------------------------------------------------------------------------


def test_page_of_a_run_paused_by_failures_requires_a_resume_reason(paused_for, markup):
    page = markup(paused_for(Run.PauseReason.FAILURES, "5 failures in a row say the same: quota exceeded"))

    assert "State Paused 5 failures in a row say the same: quota exceeded." in words(page)
    assert '<textarea id="resume-reason" name="reason"' in page and "required" in page


def test_run_paused_by_failures_resumes_with_a_stored_reason(paused_for, operating):
    run = paused_for(Run.PauseReason.FAILURES, "5 failures in a row say the same: quota exceeded")

    assert "Resumed: the quota was raised · olga" in after(
        operating, run, "resume", reason=" the quota\nwas raised "
    )


@pytest.mark.parametrize("reason", ["", "   "])
def test_run_paused_by_failures_stays_paused_without_a_reason(paused_for, operating, reason):
    run = paused_for(Run.PauseReason.FAILURES, "5 failures in a row say the same: quota exceeded")

    assert "say why it should go on" in after(operating, run, "resume", reason=reason)
    assert Run.objects.get(pk=run.pk).status == Run.Status.PAUSED


def test_a_run_that_an_operator_paused_needs_no_reason(paused_for, markup):
    assert "resume-reason" not in markup(paused_for(Run.PauseReason.OPERATOR, "Paused"))


# While it runs ------------------------------------------------------------------------------------


def test_several_calls_under_way_are_named(calls, read):
    run = calls(2)

    text = read(run.get_absolute_url())

    assert "State Running 2 calls under way: visits, 2024-01-01; sales, 2024-01-01" in text
    assert "Lanes 2 lanes, 2 in use" in text


def test_a_pause_waits_for_all_calls(calls, operating):
    assert "State Pausing Will pause after the 2 calls under way." in after(operating, calls(2), "pause")


def test_stopping_ends_all_calls(calls, operating):
    text = after(operating, calls(2), "stop")

    assert "State Stopping The calls under way are being ended; their dates will be pending again." in text


def test_run_that_is_about_to_pause_by_a_rule_shows_why(calls, read):
    run = calls(1)
    Run.objects.filter(pk=run.pk).update(
        request="pause", pause_reason=Run.PauseReason.FAILURES, message="12 of 20 steps failed"
    )

    text = read(run.get_absolute_url())

    assert "State Pausing 12 of 20 steps failed. Will pause after the current call." in text
    assert "Stop now" in text and "Resume" not in text


def test_stalled_attempt_is_reported_and_can_be_stopped(calls, read):
    long_ago = timezone.now() - dt.timedelta(minutes=25)
    run = calls(1, started_at=long_ago, output_at=long_ago)

    text = read(run.get_absolute_url())

    assert "State Stalled No output and no finished step for 25 min; attempt 1, sales, is under way" in text
    assert "Stopping ends the call; its dates are pending again." in text and "Stop now" in text


def test_cancelled_steps_are_not_counted_as_failed(calls, operating):
    run = calls(0)
    run._cancel()

    text = words(operating.get(run.get_absolute_url()).content.decode())

    assert "Failed 0" in text and "cancelled 12" in text


# Gates --------------------------------------------------------------------------------------------


def test_gates_are_overridden_with_a_reason_that_stays_visible(launch, operating, drive):
    run = launch(**WEEK)
    text = after(operating, run, "override", reason="visits come tomorrow")

    assert "Gates overridden by olga: visits come tomorrow" in text
    assert "Override gates" not in text
    control.cancel(Run.objects.get(pk=run.pk), by="otto")
    assert "Gates overridden by olga: visits come tomorrow" in words(
        operating.get(f"/runs/{run.pk}/summary/").content.decode()
    )


def test_an_override_without_a_reason_changes_nothing(launch, operating):
    assert "An override needs a reason" in after(operating, launch(**WEEK), "override", reason=" ")


def test_reason_longer_than_500_characters_is_refused(launch, operating):
    text = after(operating, launch(**WEEK), "override", reason=501 * "x")

    assert "A reason is text of at most 500 characters; this one has 501. Nothing was changed." in text


def test_second_override_is_refused_and_names_the_first_operator(launch, operating):
    run = launch(**WEEK)
    run.override_gates(by="otto", reason="late files")

    assert "was overridden by otto already" in after(operating, run, "override", reason="mine")
    assert Run.objects.get(pk=run.pk).override_reason == "late files"


@pytest.mark.parametrize(
    ("verb", "said"), [("override", {"reason": "late files"}), ("lanes", {"lanes": "2"})]
)
def test_override_or_lane_change_of_a_cancelled_run_is_refused(launch, operating, four_lanes, verb, said):
    run = launch(**WEEK)
    operating.post(f"/runs/{run.pk}/cancel/")

    text = after(operating, run, verb, **said)

    assert f"Run {run.pk} is cancelled" in text and "nothing was changed" in text


def test_a_run_whose_tables_read_nothing_has_no_gate_to_override(launch, markup, shop):
    run = launch(**SALES)
    file = shop.with_name("shop.toml")
    file.write_text(file.read_text().partition("[[need]]")[0])
    definition.load.cache_clear()

    assert "Override gates" not in markup(run)


def test_a_run_whose_tables_need_a_source_can_go_past_that(launch, markup):
    assert "Override gates" in markup(launch(**SALES))


def test_at_a_gate_that_is_not_ready_the_page_offers_the_override(launch, drive, markup):
    run = drive(launch(start=day("01-04"), end=day("01-06"), through_gaps=True))

    assert 'id="override-here"' in markup(run)


def test_partition_panel_shows_that_a_date_was_filled_under_an_override(launch, drive, operating, read):
    run = drive(launch(start=day("01-04"), end=day("01-06"), through_gaps=True))
    run.override_gates(by="otto", reason="the week before is lost")
    control.start_phase(run, "3", by="otto")
    run = drive(run)

    text = read("/runs/partition/weekly.trend/2024-01-05/")

    assert f"Filled under an override by otto, run {run.pk} : the week before is lost" in text
    assert "started under an override by otto" in read(run.attempts.first().get_absolute_url())
    assert "override" not in read("/runs/partition/daily.sales/2024-01-05/")


def test_the_override_comes_with_a_refresh(calls, operating):
    run = calls(1)
    head = operating.get(run.get_absolute_url()).context["head_version"]
    run.override_gates(by="otto", reason="late files")

    page = operating.get(f"/runs/{run.pk}/live/", {"head": head}).content.decode()

    assert "Gates overridden by otto: late files" in words(page) and "hx-swap-oob" in page


# Lanes and calls ----------------------------------------------------------------------------------


def test_an_operator_changes_the_lanes_while_it_runs(calls, operating, four_lanes):
    text = after(operating, calls(1), "lanes", lanes="3")

    assert "Lanes 3 lanes, 1 in use" in text and "Now with 3 lanes · olga" in text
    assert "1 to 4 lanes; each needs a worker of its own." in text


@pytest.mark.parametrize(
    ("lanes", "says"),
    [("0", "0 lanes are not possible here"), ("5", "5 lanes are not possible here"), ("two", "whole number")],
)
def test_lanes_that_cannot_be_are_refused_in_words(calls, operating, four_lanes, lanes, says):
    assert says in after(operating, calls(1), "lanes", lanes=lanes)


def test_a_refresh_keeps_the_number_that_is_being_typed(calls, markup, four_lanes):
    assert '<details class="more" id="lanes-2" hx-preserve="true">' in markup(calls(1))


def test_run_page_explains_why_only_one_lane_is_possible(launch, markup):
    page = markup(launch(**SALES))

    assert "One lane: one process at a time may hold a DuckDB file." in page
    assert "/lanes/" not in page


def test_run_page_shows_dates_and_duration_per_attempt_of_a_table(launch, drive, read):
    run = drive(launch(**SALES))
    Attempt.objects.update(started_at=timezone.now())
    for attempt, seconds in zip(run.attempts.all(), (60, 82), strict=True):
        ended = attempt.started_at + dt.timedelta(seconds=seconds)
        Attempt.objects.filter(pk=attempt.pk).update(finished_at=ended)

    assert "sales: 4 dates a call, calls average 71 s" in read(run.get_absolute_url())


def test_a_size_that_the_run_finds_by_itself_is_called_automatic(launch, drive, read):
    run = drive(launch(batch=Run.AUTO, **SALES))

    text = read(run.get_absolute_url())

    assert "Dates a call automatic" in text and "dates a call (automatic), calls average" in text


# Done again ---------------------------------------------------------------------------------------


def test_rows_that_were_written_again_as_they_were_are_no_change(launch, drive, read):
    drive(launch(**SALES))
    run = drive(launch(reprocess="all", **SALES))

    text = read(run.get_absolute_url())

    assert "Done again no change: 6 partitions as before, written again" in text
    assert "sales 0 of 6 6 written again 48 48 0" in text


def test_redo_shows_the_number_of_dates_it_did_not_write(launch, drive, read, fault):
    drive(launch(**SALES))
    fault("daily.sales", "01-02", "silent")
    run = drive(launch(reprocess="all", **SALES))

    says = "no change: 6 partitions as before, 5 written again, 1 not written at all"
    assert says in read(run.get_absolute_url()) and says in read(f"/runs/{run.pk}/summary/")


def test_other_keys_in_as_many_rows_are_a_change(launch, drive, read, ask):
    drive(launch(**SALES))
    ask("UPDATE daily.sales SET item = 1 WHERE day = ?", day("01-02"))
    run = drive(launch(reprocess="all", **SALES))

    assert "1 of 6 partitions changed, 5 as before, written again" in read(run.get_absolute_url())


def test_redo_without_written_column_shows_row_counts_only(launch, drive, read):
    visits = {"tables": ["daily.visits"], **WEEK}
    drive(launch(tables=["daily.sales", "daily.visits"], **WEEK))
    run = drive(launch(reprocess="all", **visits))

    assert "Done again no change: 6 partitions as before Table" in read(run.get_absolute_url())


def test_a_rerun_that_lost_rows_is_called_a_regression(launch, drive, read, ask):
    drive(launch(tables=["daily.sales", "daily.visits"], **WEEK))
    ask("INSERT INTO daily.visits SELECT ?, 90 + i FROM range(2) rows(i)", day("01-02"))
    run = drive(launch(reprocess="all", tables=["daily.visits"], **WEEK))

    text = read(run.get_absolute_url())

    assert "1 regression : complete before, smaller now 1 of 6 5 50 48 2" in text
    assert "Done again" in text and "1 of 6 partitions changed" in read(f"/runs/{run.pk}/summary/")


def test_date_filled_outside_the_run_is_not_shown_as_a_redo(launch, drive, read, ask):
    run = launch(tables=["daily.sales"], start=day("01-01"), end=day("01-01"))
    ask("INSERT INTO daily.sales SELECT ?, i, NULL FROM range(8) rows(i)", day("01-01"))

    text = read(drive(run).get_absolute_url())

    assert "Verified 1 of 1" in text and "Done again" not in text


def test_a_run_that_filled_gaps_only_has_nothing_done_again(launch, drive, read):
    assert "Done again" not in read(drive(launch(**SALES)).get_absolute_url())


# The timeline, and who may ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        ("lost", "warning"),
        ("override", "warning"),
        ("stalled", "warning"),
        ("canary", "queued"),
        ("first failure", "failed"),
        ("gate", "paused"),
        ("paused", "paused"),
    ],
)
def test_the_timeline_colours_what_happened(launch, markup, kind, state):
    run = launch(**SALES)
    run.record(kind, "It happened")

    assert f'<li class="state-{state}">' in markup(run)


def test_a_viewer_sees_the_state_and_no_form(canary, viewing, four_lanes):
    page = viewing.get(canary.get_absolute_url()).content.decode()

    assert "Canary done: 2 of 2 steps verified." in page
    assert "<form" not in page.partition('id="run-head"')[2]
