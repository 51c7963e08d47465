"""The summary of a finished run."""

import re

import pytest

from apps.runs.models import Run
from tests.conftest import day


@pytest.fixture
def summary(read):
    return lambda run: read(f"/runs/{run.pk}/summary/")


def test_summary_shows_operator_reason_and_outcome(launch, drive, summary):
    text = summary(drive(launch(tables=["daily.sales"], start=day("01-01"), end=day("01-02"))))

    assert "by olga" in text and "Why a test" in text
    assert "succeeded All 2 steps verified" in text


def test_summary_compares_coverage_before_and_after_by_season(launch, drive, summary):
    text = summary(drive(launch(tables=["daily.sales"], start=day("01-01"), end=day("01-02"))))

    assert "sales winter 0 of 19 2 of 19 +2" in text


def test_summary_shows_dates_left_out(launch, drive, summary):
    assert "off the calendar 1" in summary(
        drive(launch(tables=["daily.sales"], start=day("01-06"), end=day("01-08")))
    )


def test_summary_names_the_steps_not_verified(launch, drive, fault, summary):
    fault("daily.sales", "01-02", "silent")

    text = summary(drive(launch(tables=["daily.sales"], start=day("01-01"), end=day("01-02"))))

    assert "but wrote no rows 2024-01-02" in text


def test_without_history_there_is_no_forecast_to_compare_with(launch, drive, summary):
    text = summary(drive(launch(tables=["daily.sales"], start=day("01-01"), end=day("01-02"))))

    assert "Forecast none: too little had been run before to make one" in text


def test_with_history_the_forecast_stands_beside_what_it_took(launch, drive, summary):
    drive(launch(tables=["daily.sales"], start=day("01-01"), end=day("01-06")))

    text = summary(drive(launch(tables=["daily.sales"], start=day("01-08"), end=day("01-10"))))

    assert re.search(r"of work for all steps: (as|slower than|faster than) forecast", text)


def test_unfinished_run_has_no_summary(launch, operating):
    run = launch(tables=["daily.sales"], start=day("01-01"), end=day("01-02"))

    response = operating.get(f"/runs/{run.pk}/summary/", follow=True)

    assert f"Run {run.pk} is not finished yet." in response.content.decode()


def test_run_cancelled_before_its_start_has_a_summary(launch, operating, summary):
    run = launch(tables=["daily.sales"], start=day("01-01"), end=day("01-02"))
    operating.post(f"/runs/{run.pk}/cancel/")

    text = summary(Run.objects.get(pk=run.pk))

    assert "Took never started" in text and "0 of 19 not kept" in text
