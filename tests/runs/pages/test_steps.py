"""The steps of a run as a list: which they are, with the rows before and after."""

import csv
from io import StringIO

import pytest

from apps.runs.models import Run
from tests.conftest import day
from tests.runs.pages.conftest import words

TWO = {"tables": ["daily.sales", "daily.visits"], "start": day("01-01"), "end": day("01-02")}


@pytest.fixture
def done(launch, drive, fault) -> Run:
    """Sales failed on 2 January, and visits were skipped on that date."""
    fault("daily.sales", "01-02", "overflow")
    run = drive(launch(**TWO))
    run.steps.filter(table="daily.visits", date=day("01-02")).update(status="skipped", message="no sales")
    return run


@pytest.fixture
def steps(read):
    return lambda run, query="": read(f"/runs/{run.pk}/steps/{query}")


@pytest.mark.postgresql
def test_each_step_has_its_rows_before_and_after(launch, drive, ask, steps):
    ask("INSERT INTO daily.sales SELECT ?, i, NULL FROM range(3) rows(i)", day("01-01"))
    text = steps(drive(launch(tables=["daily.sales"], start=day("01-01"), end=day("01-02"))))

    assert "2024-01-01 sales verified 3 8 changed" in text
    assert "2024-01-02 sales verified 0 8" in text


def test_a_step_that_failed_says_why(done, steps):
    assert "2024-01-02 sales failed failed: numeric overflow" in steps(done)


@pytest.mark.postgresql
def test_rows_that_could_not_be_counted_are_unknown(done, steps):
    done.steps.filter(date=day("01-02")).update(rows_before=None, rows_after=None, message="")

    assert "2024-01-02 sales failed unknown unknown" in steps(done, "?state=failed")


def test_a_step_that_is_not_decided_has_no_rows_yet(launch, steps):
    assert "2024-01-01 sales pending 0 2024-01-02" in steps(launch(**TWO), "?table=daily.sales")


def test_the_address_chooses_table_and_state(done, steps):
    text = steps(done, "?table=daily.sales&state=verified")

    assert "1 verified step of sales" in text
    assert "2024-01-01 sales" in text and "2024-01-02" not in text.partition("Rows before")[2]


def test_unknown_table_or_state_is_reported(done, steps):
    text = steps(done, "?table=daily.profit&state=lost")

    assert 'This run has no table "daily.profit"; choose one of the list.' in text
    assert '"lost" is no state of a step; choose one of the list.' in text
    assert "4 steps, in the run's order" in text


def test_empty_list_reports_no_such_steps(done, steps):
    assert "No such steps" in steps(done, "?state=running")


@pytest.mark.postgresql
def test_a_long_run_has_pages(launch, operating):
    run = launch(phases=["2"])  # 58 steps

    second = words(operating.get(f"/runs/{run.pk}/steps/?state=pending&page=2").content.decode())

    assert f"51 to {run.steps.count()} of {run.steps.count()} steps" in second


def test_pages_keep_what_was_chosen(launch, operating):
    run = launch(phases=["2"])

    page = operating.get(f"/runs/{run.pk}/steps/?state=pending").content.decode()

    assert 'href="?state=pending&amp;page=2"' in page


@pytest.mark.parametrize("what", ["?table=daily.sales", "?state=failed", "?state=verified", "?state=skipped"])
def test_the_page_of_the_run_leads_to_its_steps(done, operating, what):
    assert f'href="/runs/{done.pk}/steps/{what}"' in operating.get(done.get_absolute_url()).content.decode()


def test_a_step_leads_to_its_log(done, operating):
    assert f"/runs/{done.pk}/attempts/1/" in operating.get(f"/runs/{done.pk}/steps/").content.decode()


@pytest.mark.postgresql
def test_the_same_steps_as_csv(done, operating):
    response = operating.get(f"/runs/{done.pk}/steps.csv?table=daily.sales")

    rows = list(csv.DictReader(StringIO(b"".join(response.streaming_content).decode())))
    assert [(row["date"], row["state"], row["rows_before"], row["rows_after"]) for row in rows] == [
        ("2024-01-01", "verified", "0", "8"),
        ("2024-01-02", "failed", "0", "0"),
    ]


def test_csv_of_a_redo_shows_whether_each_date_was_rewritten(launch, drive, operating, fault):
    sales = {"tables": ["daily.sales"], "start": day("01-01"), "end": day("01-02")}
    drive(launch(**sales))
    fault("daily.sales", "01-02", "silent")
    run = drive(launch(reprocess="all", **sales))

    response = operating.get(f"/runs/{run.pk}/steps.csv")

    rows = csv.DictReader(StringIO(b"".join(response.streaming_content).decode()))
    assert [row["done_again"] for row in rows] == ["written again", "not written"]


def test_the_number_of_queries_does_not_grow_with_the_steps(
    done, launch, operating, django_assert_num_queries
):
    long = launch(phases=["2"], start=day("03-01"), end=day("03-10"))
    for run in (done, long):  # what a run is about is asked once
        operating.get(f"/runs/{run.pk}/steps/")
    with django_assert_num_queries(7):
        operating.get(f"/runs/{done.pk}/steps/")
    with django_assert_num_queries(7):
        operating.get(f"/runs/{long.pk}/steps/")


@pytest.mark.parametrize("address", ["steps/", "steps.csv"])
def test_steps_are_for_people_who_are_logged_in(client, launch, address):
    assert client.get(f"/runs/{launch(**TWO).pk}/{address}").status_code == 302
