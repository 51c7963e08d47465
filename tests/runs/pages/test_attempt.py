"""The evidence: calls, their logs, and what became of one partition."""

import pytest

from apps.runs.models import Attempt, Run
from tests.conftest import day
from tests.runs.pages.conftest import words


@pytest.fixture
def done(launch, drive, fault) -> Run:
    fault("daily.sales", "01-02", "overflow")
    return drive(launch(tables=["daily.sales"], start=day("01-01"), end=day("01-02")))


@pytest.fixture
def busy(launch, hold) -> Attempt:
    """A call under way that has said two lines and a half."""
    run = hold(launch(tables=["daily.sales"], start=day("01-01"), end=day("01-02")))
    attempt = run.attempts.create(number=1, table="daily.sales", lease="held", dates=["2024-01-01"])
    attempt.log_path.parent.mkdir(parents=True)
    attempt.log_path.write_text("one\ntwo\nthr")
    return attempt


def test_an_attempt_shows_its_call_and_its_outcome(done, read):
    text = read(f"/runs/{done.pk}/attempts/1/")

    assert "fill.py daily.sales --start 2024-01-01 --end 2024-01-02 --safe" in text
    assert "exit status 0" in text
    assert f"BACKFILL_RUN {done.pk}" in text


def test_an_attempt_shows_the_rows_of_each_date(done, read):
    text = read(f"/runs/{done.pk}/attempts/1/")

    assert "2024-01-01 verified 0 8" in text
    assert "2024-01-02 failed failed: numeric overflow" in text


def test_rows_that_could_not_be_counted_are_unknown(done, operating, read):
    done.steps.filter(date=day("01-02")).update(rows_before=None, message="")

    assert "2024-01-02 failed unknown 0" in read(f"/runs/{done.pk}/attempts/1/")
    cell = words(operating.get("/runs/partition/daily.sales/2024-01-02/").content.decode())
    assert "failed unknown to 0 rows" in cell


def test_errors_stand_out_in_a_log(done, operating):
    assert '<span class="log-error">' in operating.get(f"/runs/{done.pk}/attempts/1/").content.decode()


def test_attempts_are_listed(done, read):
    assert "1 sales 2024-01-01 and 1 more 1 of 2 1 exit status 0" in read(f"/runs/{done.pk}/attempts/")


def test_the_whole_log_is_plain_text(done, operating):
    response = operating.get(f"/runs/{done.pk}/attempts/1/log/")

    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert b"Processing day 1/2" in b"".join(response.streaming_content)


def test_an_attempt_without_a_log_has_no_whole_log(busy, operating):
    busy.log_path.unlink()

    assert operating.get(f"/runs/{busy.run_id}/attempts/1/log/").status_code == 404


def test_log_tail_has_whole_lines_and_the_next_offset(busy, operating):
    page = operating.get(f"/runs/{busy.run_id}/attempts/1/tail/?from=4").content.decode()

    assert page.startswith("two\n")
    assert "thr" not in page and "tail/?from=8" in page


def test_a_tail_with_nothing_new_is_empty(busy, operating):
    assert operating.get(f"/runs/{busy.run_id}/attempts/1/tail/?from=8").status_code == 204


def test_a_tail_ends_with_its_attempt(busy, operating):
    Attempt.objects.filter(pk=busy.pk).update(status=Attempt.Status.ENDED)

    response = operating.get(f"/runs/{busy.run_id}/attempts/1/tail/?from=8")

    assert response.status_code == 286
    assert response.content.decode() == "thr\n"


@pytest.mark.parametrize("offset", ["", "x", "-1", "9" * 30])
def test_a_tail_from_nowhere_begins_at_the_start(busy, operating, offset):
    page = operating.get(f"/runs/{busy.run_id}/attempts/1/tail/", {"from": offset}).content.decode()

    assert page.startswith("one\n")


def test_markup_and_colours_in_a_log_are_text(busy, operating):
    busy.log_path.write_bytes(b"\x1b[31m<b>red</b>\x1b[0m \xff\n")

    page = operating.get(f"/runs/{busy.run_id}/attempts/1/tail/").content.decode()

    assert page.startswith("&lt;b&gt;red&lt;/b&gt; \ufffd\n")


def test_a_cell_of_the_coverage_shows_its_attempts(done, operating):
    page = operating.get("/runs/partition/daily.sales/2024-01-02/").content.decode()

    assert f"Run {done.pk} failed 0 to 0 rows" in words(page)
    assert "numeric overflow" in page and f"/runs/{done.pk}/attempts/1/" in page


def test_partition_panel_reports_that_no_run_tried_it(db, read):
    assert "No run tried to fill it yet." in read("/runs/partition/daily.sales/2024-01-09/")
