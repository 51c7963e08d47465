"""Open failures over all runs."""

import csv

import pytest

from apps.runs.models import Run
from tests.conftest import day
from tests.runs.pages.conftest import words


@pytest.fixture
def failed(launch, drive, fault) -> Run:
    """Sales failed on 2 and 3 January in one way, visits on 2 January in another."""
    fault("daily.sales", "01-02", "overflow")
    fault("daily.sales", "01-03", "overflow")
    fault("daily.visits", "01-02", "silent")
    return drive(launch(phases=["2"], start=day("01-01"), end=day("01-03")))


@pytest.mark.postgresql
def test_failures_are_grouped_by_signature(failed, read):
    text = read("/failures/")

    assert "3 partitions open, 2 kinds" in text
    assert "numeric overflow: amount … exceeds DECIMAL(5,2) code 2024-01-02 to 2024-01-03" in text


@pytest.mark.postgresql
def test_date_range_of_failures_continues_over_a_date_off_the_calendar(launch, drive, fault, read):
    fault("daily.sales", "01-06", "overflow")
    fault("daily.sales", "01-08", "overflow")
    drive(launch(tables=["daily.sales"], start=day("01-06"), end=day("01-08")))

    assert "2024-01-06 to 2024-01-08" in read("/failures/")


@pytest.mark.parametrize(
    ("query", "kinds"),
    [
        ("table=daily.visits", 1),
        ("season=spring", 0),
        ("phase=2", 2),
        ("class=code", 1),
        ("class=data+missing", 1),
        ("class=nonsense&table=nothing", 2),
    ],
)
def test_failures_are_filtered(failed, operating, query, kinds):
    assert len(operating.get(f"/failures/?{query}").context["groups"]) == kinds


def test_filled_date_is_no_longer_an_open_failure(failed, ask, scan, read):
    ask("INSERT INTO daily.visits SELECT ?, i FROM range(8) rows(i)", day("01-02"))
    scan()

    assert "2 partitions open, 1 kind" in read("/failures/")


def test_failures_page_reports_no_open_failures(db, read):
    assert "No open failures" in read("/failures/")


def test_a_viewer_cannot_plan_a_retry(failed, viewing, read):
    assert "Plan a retry" not in read("/failures/", viewing)


def test_failures_are_a_csv_too(failed, operating):
    lines = table(operating, "/failures/failures.csv?table=daily.sales")

    assert [line["date"] for line in lines] == ["2024-01-02", "2024-01-03"]
    assert lines[0]["class"] == "code" and lines[0]["log"].endswith(f"/runs/{failed.pk}/attempts/1/")


def test_a_run_has_a_csv_of_its_own(failed, operating):
    assert len(table(operating, f"/runs/{failed.pk}/failures.csv")) == 3


def test_a_message_that_looks_like_a_formula_is_harmless(failed, operating):
    failed.steps.failed().update(message="=1+1")

    assert table(operating, "/failures/failures.csv")[0]["message"] == "'=1+1"


def table(client, address: str) -> list[dict[str, str]]:
    text = b"".join(client.get(address).streaming_content).decode()
    return list(csv.DictReader(text.splitlines()))


def test_the_number_of_queries_does_not_grow_with_the_failures(
    launch, drive, fault, operating, django_assert_max_num_queries
):
    counts = []
    for date, end in (("01-01", "01-01"), ("01-02", "01-04")):
        for number in range(day(date).day, day(end).day + 1):
            fault("daily.sales", f"01-{number:02}", "overflow")
        drive(launch(tables=["daily.sales"], start=day(date), end=day(end)))
        with django_assert_max_num_queries(12) as queries:
            operating.get("/failures/")
        counts.append(len(queries))

    assert counts[0] == counts[1]


@pytest.mark.postgresql
def test_dates_that_lost_rows_are_in_the_list(operating, scan, ask):
    ask("INSERT INTO daily.sales SELECT ?, i, NULL FROM range(8) rows(i)", day("01-01"))
    scan()
    ask("DELETE FROM daily.sales WHERE item > 5")
    scan()

    page = words(operating.get("/failures/").content.decode())

    assert "1 table lost rows" in page
    assert "sales 2024-01-01 8 rows 6 Plan these dates" in page


def test_a_loss_of_another_season_is_filtered_out(operating, scan, ask):
    ask("INSERT INTO daily.sales SELECT ?, i, NULL FROM range(8) rows(i)", day("01-01"))
    scan()
    ask("DELETE FROM daily.sales")
    scan()

    assert "Lost rows" not in operating.get("/failures/", {"season": "spring"}).content.decode()


def test_a_source_that_lost_rows_leads_to_no_plan(operating, scan, ask):
    scan()
    ask("DELETE FROM raw.orders WHERE day = DATE '2024-01-04'")
    scan()

    page = operating.get("/failures/").content.decode()

    assert "0 It is a source: what produces it has to load these dates again." in words(page)
    assert "/runs/new/?table=raw.orders" not in page


def test_regression_that_is_still_complete_shows_a_plan_of_zero_steps(operating, scan, ask, pipeline):
    ask("INSERT INTO daily.sales SELECT ?, i, NULL FROM range(8) rows(i)", day("01-01"))
    ask("INSERT INTO daily.visits SELECT ?, i FROM range(12) rows(i)", day("01-01"))
    scan()
    ask("DELETE FROM daily.visits WHERE item > 8")
    scan()

    page = operating.get("/failures/").content.decode()

    asked = "table=daily.visits&amp;start=2024-01-01&amp;end=2024-01-01"
    assert f'hx-get="/runs/plan/steps/?{asked}"' in page
    assert "· 0 steps" in operating.get(f"/runs/plan/steps/?{asked.replace('&amp;', '&')}").content.decode()
