"""Partitions as files."""

import csv
import json

import pytest

from apps.coverage.models import Partition
from apps.exports import harmless
from tests.conftest import day


@pytest.fixture
def download(viewing):

    def get(address: str) -> str:
        return b"".join(viewing.get(address).streaming_content).decode()

    return get


def test_all_partitions_are_in_the_csv(download, first_scan):
    lines = list(csv.DictReader(download("/coverage/partitions.csv").splitlines()))

    assert len(lines) == 5 * 29
    assert (
        lines[0] | {"table": "daily.sales", "date": "2024-01-01", "shown": "missing", "rows": "0"} == lines[0]
    )


def test_a_season_and_a_filter_narrow_the_file(download, first_scan):
    assert len(json.loads(download("/coverage/winter/partitions.json?table=daily.sales"))) == 19


def test_the_state_filter_selects_by_the_state_that_the_cell_shows(download, first_scan):
    Partition.objects.filter(table="daily.sales", date=day("01-03")).update(activity="failed", run_id=7)

    (only,) = json.loads(download("/coverage/partitions.json?state=failed"))

    assert (only["date"], only["state"], only["run_id"]) == ("2024-01-03", "missing", 7)


def test_rows_off_the_calendar_are_in_their_seasons_file(scan, ask, download):
    ask("INSERT INTO daily.visits VALUES (?, 1)", day("01-07"))
    scan()

    (only,) = json.loads(download("/coverage/winter/partitions.json?state=unexpected"))

    assert only["date"] == "2024-01-07"


def test_the_json_is_an_empty_list_before_the_first_scan(download, shop):
    assert json.loads(download("/coverage/partitions.json")) == []


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_text_that_a_spreadsheet_would_read_as_a_formula_is_escaped(text):
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize("value", ["no rows", "", -1, -0.5, None])
def test_other_cells_stay_as_they_are(value):
    assert harmless(value) == value


def test_a_download_takes_at_most_four_queries(download, django_assert_max_num_queries, first_scan):
    with django_assert_max_num_queries(4):  # the session, the person, the partitions, what is silent
        download("/coverage/partitions.csv")
