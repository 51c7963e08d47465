"""Where a person meets a redo that failed: failures, overview, coverage, panel, files, mail and shell say the same."""

import csv
import json
from io import StringIO

import pytest
from django.core.management import call_command

from apps.alerts import tasks
from apps.alerts.models import Message
from tests.conftest import day
from tests.runs.pages.conftest import words

SALES = "daily.sales"
WEEK = {"tables": [SALES], "start": day("01-01"), "end": day("01-04")}


@pytest.fixture
def seen(operating):
    return lambda address: words(operating.get(address).content.decode())


@pytest.fixture
def downloaded(operating):
    return lambda address: b"".join(operating.get(address).streaming_content).decode()


def test_failures_page_lists_a_failed_redo(failed_redo, seen):
    said = seen("/failures/")

    assert "1 partition open, 1 kind" in said
    assert "2024-01-03 sales · 1 date, tried once · 1 of them redo of complete dates" in said


def test_overview_counts_a_failed_redo_in_its_table(failed_redo, seen):
    said = seen("/")

    assert "numeric overflow: amount" in said
    assert "4 / 29 · 1 not redone" in said


def test_partition_panel_names_the_run_whose_redo_failed(failed_redo, seen):
    assert f"Complete, but its redo failed in run {failed_redo.pk}." in seen(
        f"/coverage/partition/{SALES}/2024-01-03/"
    )


def test_heat_map_marks_the_cell_of_a_failed_redo(failed_redo, operating):
    data = operating.get("/coverage/winter/heatmap.json").json()

    row = next(row for row in data["rows"] if row["table"] == SALES)
    assert data["states"][row["shown"][2]] == "redo failed"
    assert row["marks"][:4] == [None, None, f"complete, but its redo failed in run {failed_redo.pk}", None]


def test_coverage_ranges_list_a_failed_redo_with_a_plan_link(failed_redo, seen):
    assert f"sales redo failed 2024-01-03 1 Run {failed_redo.pk} · Plan" in seen(
        "/coverage/?table=daily.sales"
    )


def test_partitions_csv_lists_a_failed_redo(failed_redo, downloaded):
    lines = csv.DictReader(StringIO(downloaded("/coverage/partitions.csv?state=redo_failed")))

    assert [(line["date"], line["state"], line["mark"]) for line in lines] == [
        ("2024-01-03", "complete", f"complete, but its redo failed in run {failed_redo.pk}")
    ]


def test_coverage_json_counts_a_failed_redo_as_complete_and_as_failed(failed_redo):
    out = StringIO()

    call_command("coverage", "--json", stdout=out)

    sales = next(table for table in json.loads(out.getvalue())["tables"] if table["name"] == SALES)
    assert (sales["complete"], sales["failed"], sales["not_redone"]) == (4, 1, 1)


def test_run_mail_reports_a_failed_redo(failed_redo, settings):
    settings.ALERTS_TO = ["team@shop.example"]
    tasks.deliver()

    mail = Message.objects.get(run_id=failed_redo.pk)
    assert "1 redo failed in sales: 2024-01-03" in mail.text
    assert [line["state"] for line in csv.DictReader(StringIO(mail.csv))] == ["redo failed"]
