"""A pipeline file that was changed under a run: the run pauses and says which steps are meant; nothing is skipped."""

import re

import pytest
from django.core.management import call_command
from django.db import connection

from apps.alerts.report import Report
from apps.coverage.models import Scan
from apps.coverage.scanning import full_scan, warehouses
from apps.pipeline import definition
from apps.runs import control, queue
from apps.runs.engine import unfillable
from apps.runs.models import Run
from tests.conftest import day
from tests.runs.conftest import shown, step

TWO_DAYS = {"tables": ["daily.sales"], "start": day("01-19"), "end": day("01-20")}


@pytest.fixture
def work(drain):
    """Resumes a run, if it is paused, and performs it as workers that were just started do."""

    def perform(run: Run) -> Run:
        if run.is_paused:
            control.resume(run, by="olga")
        else:
            queue.perform_later(run)
        drain()
        run.refresh_from_db()
        return run

    return perform


SEASON, SHORTER = "end = 2024-01-20", "end = 2024-01-19"
JOBLESS = re.compile(
    r"\[table\.job\]\ncommand = \[\"\{python\}\", \"fill\.py\", \"daily\.sales\".*?\n\n", re.S
)


@pytest.fixture
def run(launch, work, rewrite) -> Run:
    """A run that paused, since a season was shortened under it."""
    run = launch(**TWO_DAYS)
    rewrite(SEASON, SHORTER)
    return work(run)


def test_a_season_that_was_shortened_pauses_the_run_before_its_call(run):
    assert (run.status, run.pause_reason) == (Run.Status.PAUSED, Run.PauseReason.PIPELINE)
    assert run.message == (
        "1 step does not fit the pipeline file as it is now: daily.sales has dates in no season of it "
        "(1 step, 2024-01-20). Mend the file, restart the workers and resume; or cancel the run and plan again"
    )
    assert not run.attempts.exists()
    assert set(run.steps.values_list("status", flat=True)) == {"pending"}


def test_a_table_that_was_renamed_pauses_the_run(launch, work, rewrite):
    run = launch(**TWO_DAYS)
    rewrite('"daily.sales"', '"daily.sold"', times=-1)

    work(run)

    assert run.pause_reason == Run.PauseReason.PIPELINE
    assert "daily.sales is not in it (2 steps, 2024-01-19 to 2024-01-20)" in run.message


def test_a_table_that_lost_its_job_pauses_the_run(launch, work, settings, rewrite):
    run = launch(**TWO_DAYS)
    job = JOBLESS.search(settings.PIPELINE.read_text())
    rewrite(job[0], "\n")

    work(run)

    assert "daily.sales has no job in it (2 steps, " in run.message


def test_a_table_that_moved_to_another_phase_pauses_the_run(launch, work, rewrite):
    run = launch(**TWO_DAYS)
    rewrite('name = "daily.sales"\nphase = "2"', 'name = "daily.sales"\nphase = "1"')

    work(run)

    assert "daily.sales is in phase 1 there, and was in phase 2 when the run was launched" in run.message


def test_a_run_that_is_resumed_before_the_file_is_mended_pauses_again(run, work):
    work(run)

    assert run.pause_reason == Run.PauseReason.PIPELINE and not run.attempts.exists()


def test_run_continues_once_the_pipeline_file_is_fixed(run, work, rewrite):
    rewrite(SHORTER, SEASON)

    work(run)

    assert run.status == Run.Status.SUCCEEDED, run.message


@pytest.fixture
def scan_now(transactional_db):
    """Scans the warehouse by the file as it is now."""

    def scan() -> None:
        pipeline = definition.current()
        full_scan.scan(pipeline, warehouses.open_warehouse(pipeline), Scan.objects.create())

    return scan


def test_scan_under_the_changed_pipeline_file_does_not_drop_queued_steps(run, work, rewrite, scan_now):
    scan_now()
    assert shown("01-20") == "queued"

    rewrite(SHORTER, SEASON)
    scan_now()
    work(run)

    assert run.status == Run.Status.SUCCEEDED, run.message
    assert shown("01-20") == "complete"


def test_dates_that_the_calendar_lost_wait_and_the_others_are_filled(launch, work, ask, scan_now):
    run = launch(**TWO_DAYS)
    ask("UPDATE raw.days SET open = false WHERE day = DATE '2024-01-20'")
    scan_now()

    work(run)

    assert (run.status, run.pause_reason) == (Run.Status.PAUSED, Run.PauseReason.PIPELINE)
    assert run.message.startswith(
        "1 step has a date that the calendar does not have any more: daily.sales (1 step, 2024-01-20). If that"
    )
    assert (step(run, "01-19").status, step(run, "01-20").status) == ("succeeded", "pending")


def test_removed_dates_are_filled_once_they_are_back_on_the_calendar(launch, work, ask, scan_now):
    run = launch(**TWO_DAYS)
    ask("UPDATE raw.days SET open = false WHERE day = DATE '2024-01-20'")
    scan_now()
    work(run)
    ask("UPDATE raw.days SET open = true WHERE day = DATE '2024-01-20'")
    scan_now()

    assert work(run).status == Run.Status.SUCCEEDED, run.message


def test_cancelling_drops_the_steps_and_calls_none_of_them_skipped(run):
    control.cancel(run, by="olga")

    assert set(run.steps.values_list("status", flat=True)) == {"cancelled"}


def test_a_change_that_does_not_touch_the_runs_steps_does_not_stop_it(launch, work, rewrite):
    run = launch(**TWO_DAYS)
    rewrite("end = 2024-03-10", "end = 2024-03-09")

    assert work(run).status == Run.Status.SUCCEEDED


def test_run_page_and_mail_explain_how_to_fix_a_changed_pipeline_file(launch, work, rewrite, operating):
    run = launch(**TWO_DAYS)
    rewrite('"daily.sales"', '"daily.sold"', times=-1)
    work(run)

    page = operating.get(run.get_absolute_url()).content.decode()
    mail = Report(run, run.events.filter(kind=Run.Status.PAUSED).latest("id"))

    assert "Mend the file, restart the workers and resume; or cancel the run and plan again." in page
    assert mail.subject.startswith("STOPPED") and "2 steps do not fit the pipeline file" in mail.subject
    assert "Nothing was skipped" in mail.what_now


# manage.py check ------------------------------------------------------------------------------------


@pytest.fixture
def check(capsys):
    def run() -> str:
        call_command("check", tags=["pipeline"])
        said = capsys.readouterr()
        return f"{said.out}{said.err}"

    return run


def test_check_names_unfinished_runs_that_no_longer_fit_the_pipeline_file(launch, rewrite, check):
    run = launch(**TWO_DAYS)
    rewrite(SEASON, SHORTER)

    said = check()

    assert (
        f"Run {run.pk} (sales, 2024-01-19 to 2024-01-20, queued): 1 step does not fit the pipeline file"
        in said
    )
    assert "daily.sales has dates in no season of it (1 step, 2024-01-20)" in said
    assert "runs.W001" in said


def test_check_does_not_name_runs_that_ended(launch, rewrite, check):
    control.cancel(launch(**TWO_DAYS), by="olga")
    rewrite(SEASON, SHORTER)

    assert "no issues" in check()


def test_check_does_not_name_a_run_that_fits(launch, check):
    launch(**TWO_DAYS)

    assert "no issues" in check()


@pytest.mark.django_db(transaction=True)
def test_check_ignores_runs_before_the_database_is_migrated(shop, check):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE runs_step RENAME TO runs_step_away")
    try:
        assert "no issues" in check()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE runs_step_away RENAME TO runs_step")


def test_check_makes_no_database_where_there_is_none(shop, check, monkeypatch, tmp_path):
    monkeypatch.setitem(connection.settings_dict, "NAME", tmp_path / "none.sqlite3")
    monkeypatch.setattr(connection, "vendor", "sqlite")

    assert "no issues" in check()
    assert not (tmp_path / "none.sqlite3").exists()


def test_steps_are_looked_through_in_one_query(launch, rewrite, django_assert_num_queries):
    launch(**TWO_DAYS)
    rewrite(SEASON, SHORTER)

    with django_assert_num_queries(1):
        assert len(unfillable.by_run(definition.current())) == 1
