"""The list of runs."""

import pytest

from apps.runs.models import Run
from tests.conftest import day

pytestmark = pytest.mark.postgresql

ONE = {"start": day("01-01"), "end": day("01-01")}


def test_a_run_is_listed_with_what_it_came_to(launch, drive, fault, read):
    fault("daily.sales", "01-02", "silent")
    drive(launch(tables=["daily.sales"], start=day("01-01"), end=day("01-02")))

    assert "sales, 2024-01-01 to 2024-01-02 a test failed 1 of 2 1" in read("/runs/")


def test_runs_are_filtered_by_state(launch, drive, read):
    drive(launch(tables=["daily.sales"], **ONE))
    launch(tables=["daily.visits"], **ONE)

    text = read("/runs/?state=queued")

    assert "visits, 2024-01-01" in text and "sales, 2024-01-01" not in text


def test_a_state_that_does_not_exist_filters_nothing(launch, read):
    launch(tables=["daily.sales"], **ONE)

    assert "sales, 2024-01-01" in read("/runs/?state=broken")


def test_fifty_runs_are_a_page(db, read):
    Run.objects.bulk_create(Run(title=f"Old {number}", launched_by="olga") for number in range(51))

    assert "1 to 50 of 51 runs" in read("/runs/")
    assert "51 to 51 of 51 runs" in read("/runs/?page=2")


def test_empty_run_list_reports_that_there_are_no_runs(db, read):
    assert "No runs yet" in read("/runs/")


def test_waiting_run_is_listed_with_what_it_waits_for(launch, drive, read):
    drive(launch(start=day("01-04"), end=day("01-04"), through_gaps=True))

    assert "waiting at a gate" in read("/runs/")


def test_the_number_of_queries_does_not_grow_with_the_runs(launch, operating, django_assert_max_num_queries):
    counts = []
    for table in ("daily.sales", "daily.visits"):
        launch(tables=[table], **ONE)
        with django_assert_max_num_queries(12) as queries:
            operating.get("/runs/")
        counts.append(len(queries))

    assert counts[0] == counts[1]
