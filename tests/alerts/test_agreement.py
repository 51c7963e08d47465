"""A run whose steps failed and were skipped: every place says the same of it."""

import csv
import re
from io import StringIO

import pytest

from apps.alerts import tasks
from apps.alerts.models import Message
from apps.cli.management.commands import backfill
from apps.runs.models import Run
from tests.conftest import day
from tests.runs.pages.conftest import words

REASON = "visits is missing on …"


@pytest.fixture
def mixed(launch, drive, team) -> Run:
    """Of 6 steps 2 are verified, 1 failed and 3 were skipped for one reason."""
    run = drive(launch(tables=["daily.sales"], start=day("01-01"), end=day("01-06")))
    quota = {"message": "quota of 7 exceeded", "signature": "quota of … exceeded"}
    decide(run, "01-03", status="failed", state_after="missing", **quota)
    for date in ("01-04", "01-05", "01-06"):
        decide(run, date, status="skipped", message=f"visits is missing on {day(date)}", signature="")
    Run.objects.filter(pk=run.pk).update(status=Run.Status.FAILED)
    run.events.filter(kind="succeeded").update(kind="failed", text="2 of 6 steps verified, 4 not")
    run.refresh_from_db()
    tasks.deliver()
    return run


def decide(run: Run, date: str, **facts: str) -> None:
    run.steps.filter(date=day(date)).update(**facts)


def test_mail_subject_counts_unverified_steps_and_the_text_breaks_them_down(mixed):
    message = Message.objects.get()

    assert message.subject.startswith("FAILED 4/6 (1 failed, 3 skipped) - ")
    assert "2 of 6 verified; 4 not: 1 failed, 3 skipped, 0 cancelled" in message.text


def test_text_and_html_have_the_same_counts(mixed):
    html = re.sub(r"<[^>]*>", "", Message.objects.get().html)

    for said in ("2 of 6 verified", "4 not:", "1 failed", "3 skipped", "0 cancelled"):
        assert said in html


def test_the_mail_lists_why_dates_were_skipped_with_their_ranges(mixed):
    assert f"3 x {REASON}\n    sales: 2024-01-04 to 2024-01-06" in Message.objects.get().text


def test_the_csv_names_every_skipped_date_with_its_reason(mixed):
    lines = list(csv.DictReader(StringIO(Message.objects.get().csv)))

    assert [line["state"] for line in lines] == ["failed", "skipped", "skipped", "skipped"]
    assert {line["signature"] for line in lines[1:]} == {REASON}


def test_the_json_has_the_counts_and_the_reasons(mixed):
    said = backfill.result(mixed)

    assert (said["succeeded"], said["failed"], said["skipped"], said["cancelled"]) == (2, 1, 3, 0)
    assert said["skips"] == [
        {
            "text": REASON,
            "count": 3,
            "dates": ["2024-01-04", "2024-01-05", "2024-01-06"],
            "tables": ["daily.sales"],
        }
    ]


def test_summary_page_has_the_counts_and_skip_reasons(mixed, operating):
    text = words(operating.get(f"/runs/{mixed.pk}/summary/").content.decode())

    assert "2 of 6 steps verified; 4 not: 1 failed, 3 skipped" in text
    assert f"Skipped {REASON} 2024-01-04 to 2024-01-06 sales · 3 steps" in text


def test_the_page_of_the_run_has_the_reasons_beside_the_failures(mixed, operating):
    text = words(operating.get(mixed.get_absolute_url()).content.decode())

    assert f"Skipped 3 steps , 1 reason {REASON} 2024-01-04 to 2024-01-06 sales · 3 steps" in text
    assert "Failed 1 1 kind Skipped 3 1 reason" in text


def test_the_list_of_runs_names_skipped_beside_failed(mixed, operating):
    assert "2 of 6 1 3 skipped" in words(operating.get("/runs/").content.decode())


def test_the_page_of_the_run_offers_all_of_them_as_csv(mixed, operating):
    text = b"".join(operating.get(f"/runs/{mixed.pk}/failures.csv").streaming_content).decode()

    assert [line["status"] for line in csv.DictReader(StringIO(text))] == ["failed"] + 3 * ["skipped"]


def test_attempts_page_shows_how_many_dates_of_each_attempt_are_verified(mixed, operating):
    assert "sales 2024-01-01 and 3 more 2 of 4 1 exit status 0" in words(
        operating.get(f"/runs/{mixed.pk}/attempts/").content.decode()
    )


def test_page_mail_and_json_report_the_effect_of_a_redo_in_the_same_words(launch, drive, team, operating):
    january = {"tables": ["daily.sales"], "start": day("01-01"), "end": day("01-02")}
    drive(launch(**january))
    run = drive(launch(reprocess="all", **january))
    tasks.deliver()

    says = backfill.result(run)["done_again"]["text"]

    assert says == "no change: 2 partitions as before, written again"
    assert says in words(operating.get(run.get_absolute_url()).content.decode())
    mail = Message.objects.get(run_id=run.pk)
    assert f"Done again: {says}" in mail.text and f"Done again: {says}" in mail.html
